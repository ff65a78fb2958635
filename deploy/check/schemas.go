// Package check checks the manifests of deploy/kubernetes and docker-compose.yml in
// its tests: each object against the schema of its kind, and the objects of one build
// against each other.
//
// Kubernetes' own kinds are decoded strictly into its Go types, and KEDA's are
// validated against the CRD in KEDA's module. The Temporal Worker Controller's module
// is not on the Go proxy, so [WorkerDeployment], [Connection] and
// [WorkerResourceTemplate] repeat the fields of its API that the manifests use.
package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// kedaModule is the version whose CRD and scaler the manifests are written for.
const kedaModule = "github.com/kedacore/keda/v2@v2.21.0"

// Object is an object of a manifest that its schema allows.
type Object struct {
	Kind, Name string
	// Typed is a pointer to the kind's Go type; nil for a ScaledObject.
	Typed any
	// Tree is the object as plain data.
	Tree map[string]any
}

func (o Object) String() string { return o.Kind + " " + o.Name }

// Schemas are those of all kinds that the manifests use. Its fields are KEDA's: its
// CRD's schema, and the settings of its Temporal scaler, which the CRD leaves open.
type Schemas struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
	settings   []string
}

var scalerSetting = regexp.MustCompile(`keda:"name=(\w+),\s+order=triggerMetadata[^"]*"`)

// LoadSchemas reads KEDA's module, which the go command downloads and verifies.
func LoadSchemas() (*Schemas, error) {
	out, err := exec.Command("go", "mod", "download", "-json", kedaModule).Output()
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", kedaModule, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, err
	}
	s := &Schemas{}
	scaler, err := os.ReadFile(filepath.Join(module.Dir, "pkg", "scalers", "temporal_scaler.go"))
	if err != nil {
		return nil, err
	}
	for _, match := range scalerSetting.FindAllSubmatch(scaler, -1) {
		s.settings = append(s.settings, string(match[1]))
	}
	text, err := os.ReadFile(filepath.Join(module.Dir, "config", "crd", "bases", "keda.sh_scaledobjects.yaml"))
	if err != nil {
		return nil, err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return nil, err
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil); err != nil {
		return nil, err
	}
	if s.structural, err = schema.NewStructural(&props); err != nil {
		return nil, err
	}
	s.validator, _, err = validation.NewSchemaValidator(&props)
	return s, err
}

// Decode decodes one object strictly; the error names what its schema does not allow.
func (s *Schemas) Decode(text []byte) (Object, error) {
	var o Object
	if err := yaml.Unmarshal(text, &o.Tree); err != nil {
		return o, err
	}
	o.Kind, _ = o.Tree["kind"].(string)
	metadata, _ := o.Tree["metadata"].(map[string]any)
	o.Name, _ = metadata["name"].(string)
	version, _ := o.Tree["apiVersion"].(string)
	if version == "keda.sh/v1alpha1" && o.Kind == "ScaledObject" {
		return o, s.checkScaledObject(o)
	}
	o.Typed = newTyped(version + " " + o.Kind)
	if o.Typed == nil {
		return o, fmt.Errorf("%s: nothing here knows the schema of %s; add it to deploy/check", o, version)
	}
	if err := yaml.UnmarshalStrict(text, o.Typed); err != nil {
		return o, fmt.Errorf("%s: %w", o, err)
	}
	if typed, ok := o.Typed.(interface{ validate() error }); ok {
		if err := typed.validate(); err != nil {
			return o, fmt.Errorf("%s: %w", o, err)
		}
	}
	if template, ok := o.Typed.(*WorkerResourceTemplate); ok {
		return o, s.checkScaledObject(Object{Kind: "ScaledObject", Name: o.Name, Tree: withScaleTarget(template.Spec.Template)})
	}
	return o, nil
}

func newTyped(kind string) any {
	return map[string]any{
		"apps/v1 Deployment":                          &appsv1.Deployment{},
		"v1 Namespace":                                &corev1.Namespace{},
		"v1 ServiceAccount":                           &corev1.ServiceAccount{},
		"policy/v1 PodDisruptionBudget":               &policyv1.PodDisruptionBudget{},
		"networking.k8s.io/v1 NetworkPolicy":          &networkingv1.NetworkPolicy{},
		"monitoring.coreos.com/v1 PodMonitor":         &monitoringv1.PodMonitor{},
		"temporal.io/v1alpha1 Connection":             &Connection{},
		"temporal.io/v1alpha1 WorkerDeployment":       &WorkerDeployment{},
		"temporal.io/v1alpha1 WorkerResourceTemplate": &WorkerResourceTemplate{},
	}[kind]
}

// withScaleTarget gives a template of the controller the name that the controller
// fills in.
func withScaleTarget(template map[string]any) map[string]any {
	tree := runtime.DeepCopyJSON(template)
	spec, _ := tree["spec"].(map[string]any)
	if target, ok := spec["scaleTargetRef"].(map[string]any); ok && len(target) == 0 {
		target["name"] = "version"
	}
	return tree
}

func (s *Schemas) checkScaledObject(o Object) error {
	var found []error
	for _, problem := range validation.ValidateCustomResource(nil, o.Tree, s.validator) {
		found = append(found, fmt.Errorf("%s: %w", o, problem))
	}
	unknown := pruning.PruneWithOptions(runtime.DeepCopyJSON(o.Tree), s.structural, true,
		schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, field := range unknown {
		found = append(found, fmt.Errorf("%s: unknown field %q", o, field))
	}
	spec, _ := o.Tree["spec"].(map[string]any)
	triggers, _ := spec["triggers"].([]any)
	for _, t := range triggers {
		trigger, _ := t.(map[string]any)
		metadata, _ := trigger["metadata"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(metadata)) {
			if trigger["type"] == "temporal" && !slices.Contains(s.settings, name) {
				found = append(found, fmt.Errorf("%s: KEDA's Temporal scaler has no setting %q", o, name))
			}
		}
	}
	return errors.Join(found...)
}
