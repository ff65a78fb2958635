// Package check builds what lies in deploy/kubernetes with kustomize and the
// compose file with compose-go, as kubectl and docker do, and holds them to the
// schemas of whoever reads them and to rules of our own. Its tests are all that
// there is to run: make check-manifests.
package check

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// root is deploy/kubernetes as kustomize finds it in [tree].
const root = "/kubernetes"

// tree copies a folder of kustomizations into memory, where a test may add to it.
func tree(folder string) (filesys.FileSystem, error) {
	memory := filesys.MakeFsInMemory()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return memory.WriteFile(filepath.Join(root, inside), content)
	})
	return memory, err
}

// build is kubectl kustomize: the objects of a kustomization below root, each as
// YAML.
func build(from filesys.FileSystem, kustomization string) ([]string, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(from, filepath.Join(root, kustomization))
	if err != nil {
		return nil, fmt.Errorf("kustomize %s: %w", kustomization, err)
	}
	var objects []string
	for _, resource := range built.Resources() {
		object, err := resource.AsYAML()
		if err != nil {
			return nil, fmt.Errorf("kustomize %s: %w", kustomization, err)
		}
		objects = append(objects, string(object))
	}
	return objects, nil
}
