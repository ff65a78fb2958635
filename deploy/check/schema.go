package check

import (
	"fmt"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// Object is an object of a manifest that its schema allows.
type Object struct {
	Kind, Name string
	// Typed is a pointer to the kind's Go type; nil for a ScaledObject.
	Typed any
	// Tree is the same as plain data.
	Tree map[string]any
}

func (o Object) String() string { return o.Kind + " " + o.Name }

// Decode decodes one object strictly and says what its schema does not allow.
func (k *KEDA) Decode(text []byte) (Object, error) {
	var o Object
	if err := yaml.Unmarshal(text, &o.Tree); err != nil {
		return o, err
	}
	o.Kind, _ = o.Tree["kind"].(string)
	metadata, _ := o.Tree["metadata"].(map[string]any)
	o.Name, _ = metadata["name"].(string)
	version, _ := o.Tree["apiVersion"].(string)
	if version == "keda.sh/v1alpha1" && o.Kind == "ScaledObject" {
		return o, k.problems(o)
	}
	o.Typed = newOf(version + " " + o.Kind)
	if o.Typed == nil {
		return o, fmt.Errorf("%s: nothing here knows the schema of %s; add it to deploy/check", o, version)
	}
	if err := yaml.UnmarshalStrict(text, o.Typed); err != nil {
		return o, fmt.Errorf("%s: %w", o, err)
	}
	if judge, ok := o.Typed.(interface{ problems() error }); ok {
		if err := judge.problems(); err != nil {
			return o, fmt.Errorf("%s: %w", o, err)
		}
	}
	if template, ok := o.Typed.(*WorkerResourceTemplate); ok {
		inner := Object{Kind: "ScaledObject", Name: o.Name, Tree: template.Spec.Template}
		return o, k.problems(inner.named())
	}
	return o, nil
}

func newOf(kind string) any {
	switch kind {
	case "apps/v1 Deployment":
		return &appsv1.Deployment{}
	case "v1 Namespace":
		return &corev1.Namespace{}
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}
	case "policy/v1 PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}
	case "networking.k8s.io/v1 NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "monitoring.coreos.com/v1 PodMonitor":
		return &monitoringv1.PodMonitor{}
	case "temporal.io/v1alpha1 Connection":
		return &Connection{}
	case "temporal.io/v1alpha1 WorkerDeployment":
		return &WorkerDeployment{}
	case "temporal.io/v1alpha1 WorkerResourceTemplate":
		return &WorkerResourceTemplate{}
	}
	return nil
}
