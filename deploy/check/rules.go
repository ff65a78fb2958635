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
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

const identityLabel, identityAnnotation = "azure.workload.identity/use", "azure.workload.identity/client-id"

// Disagreements lists what contradicts in the objects of one build, and what the
// worker's pod lacks. variables are the environment variables that a worker reads.
func Disagreements(objects []Object, variables []string) (found []string) {
	pod := workerPod(objects)
	if pod == nil {
		return []string{"there is no worker"}
	}
	for _, o := range objects {
		if s := podSelector(o); s != nil {
			selector, err := metav1.LabelSelectorAsSelector(s)
			if err != nil || selector.Empty() || !selector.Matches(labels.Set(pod.Labels)) {
				found = append(found, fmt.Sprintf("%s does not select the worker's pods, which have %v", o, pod.Labels))
			}
		}
		if account, ok := o.Typed.(*corev1.ServiceAccount); ok {
			found = append(found, checkIdentity(account, pod)...)
		}
	}
	if !slices.ContainsFunc(objects, func(o Object) bool { return o.Kind == "ServiceAccount" && o.Name == pod.Spec.ServiceAccountName }) {
		found = append(found, fmt.Sprintf("the pods' service account %q is not there", pod.Spec.ServiceAccountName))
	}
	return append(found, checkPod(pod, variables)...)
}

// workerPod is the worker's pod template; nil where there is none.
func workerPod(objects []Object) *corev1.PodTemplateSpec {
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

// podSelector is how an object selects pods; nil for kinds that select none.
func podSelector(o Object) *metav1.LabelSelector {
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

// checkIdentity requires a workload identity of both account and pod, or of neither.
func checkIdentity(account *corev1.ServiceAccount, pod *corev1.PodTemplateSpec) []string {
	labelled := pod.Labels[identityLabel] == "true"
	switch _, annotated := account.Annotations[identityAnnotation]; {
	case annotated && !labelled:
		return []string{fmt.Sprintf("the service account has an identity, but the pods lack the label %s: \"true\"", identityLabel)}
	case labelled && !annotated:
		return []string{fmt.Sprintf("the pods have the label of an identity, but the service account lacks the annotation %s", identityAnnotation)}
	}
	return nil
}

// checkPod lists what a worker's pod lacks of what every worker's pod must have.
func checkPod(pod *corev1.PodTemplateSpec, variables []string) (found []string) {
	lacks := func(ok bool, what string) {
		if !ok {
			found = append(found, "the worker's pod lacks "+what)
		}
	}
	c := pod.Spec.Containers[0]
	podContext, ownContext := pod.Spec.SecurityContext, c.SecurityContext
	lacks(c.Image != "", "an image")
	lacks(podContext != nil && podContext.RunAsNonRoot != nil && *podContext.RunAsNonRoot, "runAsNonRoot")
	lacks(podContext != nil && podContext.SeccompProfile != nil && podContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault, "the seccomp profile RuntimeDefault")
	lacks(ownContext != nil && ownContext.ReadOnlyRootFilesystem != nil && *ownContext.ReadOnlyRootFilesystem, "readOnlyRootFilesystem")
	lacks(ownContext != nil && ownContext.AllowPrivilegeEscalation != nil && !*ownContext.AllowPrivilegeEscalation, "allowPrivilegeEscalation: false")
	lacks(ownContext != nil && ownContext.Capabilities != nil && slices.Contains(ownContext.Capabilities.Drop, "ALL"), "dropped capabilities")
	lacks(c.StartupProbe != nil && c.ReadinessProbe != nil && c.LivenessProbe != nil, "one of its three probes")
	lacks(c.LivenessProbe == nil || c.LivenessProbe.HTTPGet != nil && c.LivenessProbe.HTTPGet.Path == "/healthz",
		"a liveness probe on /healthz; on /readyz it would kill a worker that finishes its calls")
	lacks(!c.Resources.Requests.Memory().IsZero() && !c.Resources.Limits.Memory().IsZero(), "resources")
	lacks(c.Resources.Limits.Memory().Cmp(goLimit(c)) > 0, "a GOMEMLIMIT below its memory limit")
	for _, v := range c.Env {
		lacks(slices.Contains(variables, v.Name), "a meaning for its variable "+v.Name)
		lacks(!strings.Contains(v.Name, "API_KEY") || v.Value == "", "a Secret for "+v.Name)
	}
	return found
}

// goLimit is how much memory Go's runtime may take, beyond any limit where that is not said.
func goLimit(c corev1.Container) resource.Quantity {
	for _, v := range c.Env {
		if v.Name == "GOMEMLIMIT" {
			if q, err := resource.ParseQuantity(strings.TrimSuffix(v.Value, "B")); err == nil {
				return q
			}
		}
	}
	return resource.MustParse("1Ei")
}
