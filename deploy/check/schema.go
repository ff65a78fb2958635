package check

import (
	"errors"
	"fmt"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// schemas are the types that each reader decodes its objects into, by apiVersion
// and kind. A key that a type does not have is a mistake: the API server would
// drop it without a word, or refuse it.
var schemas = map[string]func() any{
	"v1 Namespace":                                func() any { return &core.Namespace{} },
	"v1 ServiceAccount":                           func() any { return &core.ServiceAccount{} },
	"apps/v1 Deployment":                          func() any { return &apps.Deployment{} },
	"policy/v1 PodDisruptionBudget":               func() any { return &policy.PodDisruptionBudget{} },
	"networking.k8s.io/v1 NetworkPolicy":          func() any { return &networking.NetworkPolicy{} },
	"keda.sh/v1alpha1 ScaledObject":               func() any { return &keda.ScaledObject{} },
	"monitoring.coreos.com/v1 PodMonitor":         func() any { return &monitoring.PodMonitor{} },
	"temporal.io/v1alpha1 WorkerDeployment":       func() any { return &workerDeployment{} },
	"temporal.io/v1alpha1 Connection":             func() any { return &connection{} },
	"temporal.io/v1alpha1 WorkerResourceTemplate": func() any { return &workerResourceTemplate{} },
}

// decode reads an object strictly into its type.
func decode(object string) (kind string, decoded any, err error) {
	var head meta.TypeMeta
	if err := yaml.Unmarshal([]byte(object), &head); err != nil {
		return "", nil, err
	}
	kind = head.APIVersion + " " + head.Kind
	schema, known := schemas[kind]
	if !known {
		return kind, nil, fmt.Errorf("%s is of no known schema; add its type to schemas", kind)
	}
	decoded = schema()
	text, err := yaml.YAMLToJSONStrict([]byte(object))
	if err != nil {
		return kind, nil, fmt.Errorf("%s: %w", kind, err)
	}
	// As the API server does: capitals count.
	unknown, err := json.UnmarshalStrict(text, decoded)
	if err := errors.Join(append(unknown, err)...); err != nil {
		return kind, nil, fmt.Errorf("%s: %w", kind, err)
	}
	return kind, decoded, nil
}
