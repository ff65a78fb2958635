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

// KEDA is what KEDA allows: its CRD's schema, and the settings that its Temporal
// scaler reads, which the CRD leaves open.
type KEDA struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
	settings   []string
}

var setting = regexp.MustCompile(`keda:"name=(\w+),\s+order=triggerMetadata[^"]*"`)

// LoadKEDA reads KEDA's module, which the go command downloads and verifies.
func LoadKEDA() (*KEDA, error) {
	out, err := exec.Command("go", "mod", "download", "-json", kedaModule).Output()
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", kedaModule, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, err
	}
	k := &KEDA{}
	scaler, err := os.ReadFile(filepath.Join(module.Dir, "pkg", "scalers", "temporal_scaler.go"))
	if err != nil {
		return nil, err
	}
	for _, match := range setting.FindAllSubmatch(scaler, -1) {
		k.settings = append(k.settings, string(match[1]))
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
	if k.structural, err = schema.NewStructural(&props); err != nil {
		return nil, err
	}
	k.validator, _, err = validation.NewSchemaValidator(&props)
	return k, err
}

// named gives a template of the controller's the name that the controller fills in.
func (o Object) named() Object {
	tree := runtime.DeepCopyJSON(o.Tree)
	spec, _ := tree["spec"].(map[string]any)
	if target, ok := spec["scaleTargetRef"].(map[string]any); ok && len(target) == 0 {
		target["name"] = "version"
	}
	o.Tree = tree
	return o
}

func (k *KEDA) problems(o Object) error {
	var found []error
	for _, problem := range validation.ValidateCustomResource(nil, o.Tree, k.validator) {
		found = append(found, fmt.Errorf("%s: %w", o, problem))
	}
	unknown := pruning.PruneWithOptions(runtime.DeepCopyJSON(o.Tree), k.structural, true,
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
			if trigger["type"] == "temporal" && !slices.Contains(k.settings, name) {
				found = append(found, fmt.Errorf("%s: KEDA's Temporal scaler has no setting %q", o, name))
			}
		}
	}
	return errors.Join(found...)
}
