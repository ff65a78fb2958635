package keyvault

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// The kinds of credential.
const (
	CredentialManaged     = "managed"     // a managed identity of the machine or service
	CredentialWorkload    = "workload"    // a Kubernetes service account federated with Entra
	CredentialEnvironment = "environment" // a service principal's secret or certificate
	CredentialCLI         = "cli"         // the user of az login on this machine
	CredentialDefault     = "default"     // environment, workload, managed and developer credentials in turn
	CredentialEmulator    = "emulator"    // a made-up token, for emulators that take any
)

// NewCredential returns the credential that the options name. ClientID names the
// identity for managed and workload; empty means the system-assigned identity for the one
// and AZURE_CLIENT_ID for the other. It does not call Entra; a missing setting of the
// environment fails here.
//
// The caller decides whether an emulator's credential is allowed at all.
func NewCredential(o Options) (azcore.TokenCredential, error) {
	var (
		kind = o.Credential
		cred azcore.TokenCredential
		err  error
		// The requests for tokens carry secrets too: an identity header, an assertion.
		bounds = azcore.ClientOptions{Transport: newTransport("", nil)}
	)
	switch kind {
	case CredentialManaged:
		options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: bounds}
		if o.ClientID != "" {
			options.ID = azidentity.ClientID(o.ClientID)
		}
		cred, err = azidentity.NewManagedIdentityCredential(options)
	case CredentialWorkload:
		cred, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: bounds, ClientID: o.ClientID})
	case CredentialEnvironment:
		cred, err = newPrincipal(o, bounds)
	case CredentialCLI:
		cred, err = azidentity.NewAzureCLICredential(nil)
	case CredentialDefault:
		cred, err = azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: bounds})
	case CredentialEmulator:
		cred = emulatorCredential{}
	default:
		return nil, fmt.Errorf("credential %q is not one of managed, workload, environment, cli, default, emulator", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("credential %q: %w; %s", kind, err, credentialFix(kind))
	}
	return named{cred, kind}, nil
}

// credentialFix names what to check when a kind of credential fails.
func credentialFix(kind string) string {
	switch kind {
	case CredentialManaged:
		return "give this machine a managed identity (ManagedIdentityCredential), and set AZURE_CLIENT_ID if it is a user-assigned one"
	case CredentialWorkload:
		return "check the pod's AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE and the identity's federated credential (WorkloadIdentityCredential)"
	case CredentialEnvironment:
		return "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH"
	case CredentialCLI:
		return "run az login (AzureCLICredential)"
	case CredentialDefault:
		return "set TOKENKEEPER_AZURE_CREDENTIAL to managed, workload, environment or cli, which says what it misses (DefaultAzureCredential)"
	}
	return "check TOKENKEEPER_AZURE_CREDENTIAL"
}

// named adds the kind of credential to its errors.
type named struct {
	azcore.TokenCredential
	kind string
}

func (n named) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := n.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return azcore.AccessToken{}, &credentialError{n.kind, err}
	}
	return token, nil
}

type credentialError struct {
	kind string
	err  error
}

func (e *credentialError) Error() string { return "credential " + e.kind + ": " + e.err.Error() }
func (e *credentialError) Unwrap() error { return e.err }

type emulatorCredential struct{}

func (emulatorCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "emulator", ExpiresOn: time.Now().Add(time.Hour)}, nil
}
