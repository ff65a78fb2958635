package check

import (
	"fmt"
	"slices"
	"strings"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

const identityLabel, identityAnnotation = "azure.workload.identity/use", "azure.workload.identity/client-id"

// Disagreements says what does not fit together in the objects of one build.
// variables are the names that Token Keeper's environment may have.
func Disagreements(objects []Object, variables []string) (found []string) {
	pod := podOf(objects)
	if pod == nil {
		return []string{"there is no worker"}
	}
	for _, o := range objects {
		if s := selectorOf(o); s != nil {
			selector, err := metav1.LabelSelectorAsSelector(s)
			if err != nil || selector.Empty() || !selector.Matches(labels.Set(pod.Labels)) {
				found = append(found, fmt.Sprintf("%s does not select the worker's pods, which have %v", o, pod.Labels))
			}
		}
		if account, ok := o.Typed.(*corev1.ServiceAccount); ok {
			found = append(found, identity(account, pod)...)
		}
	}
	if !slices.ContainsFunc(objects, func(o Object) bool { return o.Kind == "ServiceAccount" && o.Name == pod.Spec.ServiceAccountName }) {
		found = append(found, fmt.Sprintf("the pods' service account %q is not there", pod.Spec.ServiceAccountName))
	}
	return append(found, unsafe(pod, variables)...)
}

// podOf is the worker's pod template.
func podOf(objects []Object) *corev1.PodTemplateSpec {
	for _, o := range objects {
		switch d := o.Typed.(type) {
		case *WorkerDeployment:
			return &d.Spec.Template
		case *appsv1.Deployment:
			return &d.Spec.Template
		}
	}
	return nil
}

func selectorOf(o Object) *metav1.LabelSelector {
	switch s := o.Typed.(type) {
	case *appsv1.Deployment:
		return s.Spec.Selector
	case *policyv1.PodDisruptionBudget:
		return s.Spec.Selector
	case *networkingv1.NetworkPolicy:
		return &s.Spec.PodSelector
	case *monitoringv1.PodMonitor:
		return &s.Spec.Selector
	}
	return nil
}

// identity checks that account and pod both ask for a workload identity, or neither.
func identity(account *corev1.ServiceAccount, pod *corev1.PodTemplateSpec) []string {
	asks := pod.Labels[identityLabel] == "true"
	switch _, given := account.Annotations[identityAnnotation]; {
	case given && !asks:
		return []string{fmt.Sprintf("the service account has an identity, but the pods lack the label %s: \"true\"", identityLabel)}
	case asks && !given:
		return []string{fmt.Sprintf("the pods ask for an identity, but the service account lacks the annotation %s", identityAnnotation)}
	}
	return nil
}

// unsafe says what a worker's pod lacks of what every one of them has.
func unsafe(pod *corev1.PodTemplateSpec, variables []string) (found []string) {
	lacks := func(ok bool, what string) {
		if !ok {
			found = append(found, "the worker's pod lacks "+what)
		}
	}
	c := pod.Spec.Containers[0]
	all, own := pod.Spec.SecurityContext, c.SecurityContext
	lacks(c.Image != "", "an image")
	lacks(all != nil && all.RunAsNonRoot != nil && *all.RunAsNonRoot, "runAsNonRoot")
	lacks(all != nil && all.SeccompProfile != nil && all.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault, "the seccomp profile RuntimeDefault")
	lacks(own != nil && own.ReadOnlyRootFilesystem != nil && *own.ReadOnlyRootFilesystem, "readOnlyRootFilesystem")
	lacks(own != nil && own.AllowPrivilegeEscalation != nil && !*own.AllowPrivilegeEscalation, "allowPrivilegeEscalation: false")
	lacks(own != nil && own.Capabilities != nil && slices.Contains(own.Capabilities.Drop, "ALL"), "dropped capabilities")
	lacks(c.StartupProbe != nil && c.ReadinessProbe != nil && c.LivenessProbe != nil, "one of its three probes")
	lacks(c.LivenessProbe == nil || c.LivenessProbe.HTTPGet != nil && c.LivenessProbe.HTTPGet.Path == "/healthz",
		"a liveness probe on /healthz; on /readyz it would kill a worker that finishes its calls")
	lacks(!c.Resources.Requests.Memory().IsZero() && !c.Resources.Limits.Memory().IsZero(), "resources")
	for _, v := range c.Env {
		lacks(slices.Contains(variables, v.Name), "a meaning for its variable "+v.Name)
		lacks(!strings.Contains(v.Name, "API_KEY") || v.Value == "", "a Secret for "+v.Name)
	}
	return found
}
