package keyvault

import (
	"fmt"
	"net/http"
)

// The refusals that have nothing to do with the content, in the shape that users of the
// real service posted. Codes and the beginning of each message are theirs; the names in
// the messages are made up.

func forbidden(inner, message string) *apiError {
	return &apiError{status: http.StatusForbidden, code: "Forbidden", inner: inner, message: message}
}

// dataAction is the RBAC data action of each operation ("Azure permissions for
// Security: Microsoft.KeyVault").
var dataAction = map[Operation]string{
	OpGet: "getSecret", OpSet: "setSecret", OpUpdate: "update", OpListVersions: "readMetadata", OpList: "readMetadata",
	OpDelete: "delete", OpGetDeleted: "readMetadata", OpRecover: "recover", OpPurge: "purge",
}

func errForbidden(op Operation) *apiError {
	return forbidden("ForbiddenByRbac", fmt.Sprintf("Caller is not authorized to perform action on resource.\r\n"+
		"If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\n"+
		"Action: 'Microsoft.KeyVault/vaults/secrets/%s/action'\r\n", dataAction[op]))
}

// errAccessPolicy is of a vault with access policies (Azure/azure-sdk issues and the
// captured answers of Lowkey Vault's and Azurite's authors).
func errAccessPolicy(op Operation) *apiError {
	return forbidden("ForbiddenByPolicy", fmt.Sprintf("The user, group or application 'appid=fake;oid=fake;numgroups=0' "+
		"does not have secrets %s permission on key vault 'fake;location=westeurope'.", op))
}

// errAzurePolicy has no inner code: a public report of one has the status alone
// (hashicorp/packer-plugin-azure issue 235). Its message is Azure Policy's own wording.
func errAzurePolicy() *apiError {
	return forbidden("", "Secret was disallowed by policy. Policy identifiers: 'Key Vault secrets should have an expiration date'.")
}

func errForbiddenConnection() *apiError {
	return forbidden("ForbiddenByConnection", "Public network access is disabled and request is not from a trusted service nor via an approved private link.")
}

func errForbiddenFirewall() *apiError {
	return forbidden("ForbiddenByFirewall", "Client address is not authorized and caller is not a trusted service.")
}

// errKeyUnresolved is seen for valid tokens (Azure-Samples/azuresandbox issue 362,
// hashicorp/terraform-provider-azurerm issue 30912).
func errKeyUnresolved() *apiError {
	return &apiError{
		status: http.StatusUnauthorized, code: "Unauthorized",
		message: "AKV10046: Unable to resolve the key used for signature validation. EncodedJwtHeader: 'fake'.",
	}
}

// errWrongTenant is from MicrosoftDocs/azure-docs issue 75410.
func errWrongTenant() *apiError {
	return &apiError{
		status: http.StatusUnauthorized, code: "Unauthorized",
		message: "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/00000000-0000-0000-0000-000000000000/, found https://sts.windows.net/11111111-1111-1111-1111-111111111111/.",
	}
}
