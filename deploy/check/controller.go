package check

import (
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The part of temporal.io/v1alpha1 that the manifests use, as the Temporal Worker
// Controller's API reference has it. Its own module is not on the module proxy.
// They are no more than types to decode into.

type workerDeployment struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata"`
	Spec            struct {
		Replicas        *int32               `json:"replicas,omitempty"`
		MinReadySeconds int32                `json:"minReadySeconds,omitempty"`
		Template        core.PodTemplateSpec `json:"template"`
		WorkerOptions   struct {
			ConnectionRef     named  `json:"connectionRef"`
			TemporalNamespace string `json:"temporalNamespace"`
		} `json:"workerOptions"`
		Rollout struct {
			// Manual, AllAtOnce or Progressive.
			Strategy string `json:"strategy"`
			Steps    []struct {
				RampPercentage int           `json:"rampPercentage"`
				PauseDuration  meta.Duration `json:"pauseDuration"`
			} `json:"steps,omitempty"`
		} `json:"rollout"`
		Sunset struct {
			ScaledownDelay *meta.Duration `json:"scaledownDelay,omitempty"`
			DeleteDelay    *meta.Duration `json:"deleteDelay,omitempty"`
		} `json:"sunset"`
	} `json:"spec"`
}

type connection struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata"`
	Spec            struct {
		HostPort           string                  `json:"hostPort"`
		MutualTLSSecretRef *named                  `json:"mutualTLSSecretRef,omitempty"`
		APIKeySecretRef    *core.SecretKeySelector `json:"apiKeySecretRef,omitempty"`
	} `json:"spec"`
}

type workerResourceTemplate struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata"`
	Spec            struct {
		WorkerDeploymentRef named          `json:"workerDeploymentRef"`
		Template            map[string]any `json:"template"`
	} `json:"spec"`
}

type named struct {
	Name string `json:"name"`
}
