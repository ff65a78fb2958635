// Package check holds what its tests check the manifests of deploy/kubernetes and
// docker-compose.yml against: the schemas of the kinds that they use, and what must
// agree from one object to the next.
//
// Kubernetes' own kinds are decoded strictly into its Go types, and KEDA's are
// validated against the CRD in KEDA's module. The Temporal Worker Controller's module
// cannot be had from the Go proxy, so that [WorkerDeployment], [Connection] and
// [WorkerResourceTemplate] write down what its API asks of the fields used here.
package check
