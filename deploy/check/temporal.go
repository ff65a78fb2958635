package check

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The kinds of temporal.io/v1alpha1 after api/v1alpha1 of the Temporal Worker
// Controller 1.4, with the fields that the manifests and docs/deploy.md use.

// Connection is the address of a Temporal server and how to log in there.
type Connection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		HostPort           string                    `json:"hostPort"`
		MutualTLSSecretRef *reference                `json:"mutualTLSSecretRef"`
		APIKeySecretRef    *corev1.SecretKeySelector `json:"apiKeySecretRef"`
	} `json:"spec"`
}

// WorkerDeployment has one Deployment for every version of a worker.
type WorkerDeployment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Replicas        *int32                 `json:"replicas"`
		Template        corev1.PodTemplateSpec `json:"template"`
		MinReadySeconds int32                  `json:"minReadySeconds"`
		Rollout         *rollout               `json:"rollout"`
		Sunset          *struct {
			ScaledownDelay metav1.Duration `json:"scaledownDelay"`
			DeleteDelay    metav1.Duration `json:"deleteDelay"`
		} `json:"sunset"`
		WorkerOptions struct {
			ConnectionRef     reference `json:"connectionRef"`
			TemporalNamespace string    `json:"temporalNamespace"`
		} `json:"workerOptions"`
	} `json:"spec"`
}

// WorkerResourceTemplate is an object of which every version gets a copy.
type WorkerResourceTemplate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		WorkerDeploymentRef reference      `json:"workerDeploymentRef"`
		Template            map[string]any `json:"template"`
	} `json:"spec"`
}

type reference struct {
	Name string `json:"name"`
}

type rollout struct {
	Strategy string `json:"strategy"`
	Steps    []struct {
		RampPercentage int             `json:"rampPercentage"`
		PauseDuration  metav1.Duration `json:"pauseDuration"`
	} `json:"steps"`
}

var (
	hostPort = regexp.MustCompile(`^[a-zA-Z0-9.-]+:[0-9]+$`)
	label    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
)

func (c *Connection) validate() error {
	var found []error
	if !hostPort.MatchString(c.Spec.HostPort) {
		found = append(found, fmt.Errorf("spec.hostPort %q is not host:port", c.Spec.HostPort))
	}
	if c.Spec.MutualTLSSecretRef != nil && c.Spec.APIKeySecretRef != nil {
		found = append(found, errors.New("spec has both mutualTLSSecretRef and apiKeySecretRef; keep one"))
	}
	return errors.Join(found...)
}

func (d *WorkerDeployment) validate() error {
	found := []error{d.Spec.WorkerOptions.ConnectionRef.checkName("spec.workerOptions.connectionRef")}
	if d.Spec.WorkerOptions.TemporalNamespace == "" {
		found = append(found, errors.New("spec.workerOptions.temporalNamespace is missing"))
	}
	if d.Spec.Sunset == nil {
		found = append(found, errors.New("spec.sunset is missing"))
	}
	if d.Spec.Rollout == nil {
		return errors.Join(append(found, errors.New("spec.rollout is missing"))...)
	}
	return errors.Join(append(found, d.Spec.Rollout.checkSteps())...)
}

func (r *rollout) checkSteps() error {
	var found []error
	switch r.Strategy {
	case "Manual", "AllAtOnce":
	case "Progressive":
		if len(r.Steps) == 0 {
			found = append(found, errors.New("spec.rollout is Progressive and has no steps"))
		}
	default:
		found = append(found, fmt.Errorf("spec.rollout.strategy is %q; it may be Manual, AllAtOnce or Progressive", r.Strategy))
	}
	before := 0
	for i, step := range r.Steps {
		if step.RampPercentage < 1 || step.RampPercentage > 99 || step.RampPercentage <= before {
			found = append(found, fmt.Errorf("spec.rollout.steps[%d].rampPercentage is %d; steps go up, from 1 to 99", i, step.RampPercentage))
		}
		if step.PauseDuration.Duration < 30*time.Second {
			found = append(found, fmt.Errorf("spec.rollout.steps[%d].pauseDuration is %s; at least 30s", i, step.PauseDuration.Duration))
		}
		before = step.RampPercentage
	}
	return errors.Join(found...)
}

func (t *WorkerResourceTemplate) validate() error {
	return t.Spec.WorkerDeploymentRef.checkName("spec.workerDeploymentRef")
}

func (r reference) checkName(field string) error {
	if !label.MatchString(r.Name) {
		return fmt.Errorf("%s.name %q is no name", field, r.Name)
	}
	return nil
}
