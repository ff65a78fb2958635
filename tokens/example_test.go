package tokens_test

import (
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"tokenkeeper/tokens"
)

// A program on Azure. The tests run the same against a simulated vault.
func ExampleNew() {
	credential, err := azidentity.NewManagedIdentityCredential(nil)
	if err != nil {
		panic(err)
	}
	secrets, err := azsecrets.NewClient("https://my-vault.vault.azure.net", credential, nil)
	if err != nil {
		panic(err)
	}
	source := tokens.New(secrets, "will-AccessToken")
	steps := func() error {
		answer, err := source.Client(nil).Get("https://api.fitbit.com/1/user/-/activities/steps/date/today/1d.json")
		if err != nil {
			return err // says whether the token, the vault or the role is the reason
		}
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("fitbit answers %s", answer.Status)
		}
		return nil
	}
	_ = steps // called whenever the program needs it
}
