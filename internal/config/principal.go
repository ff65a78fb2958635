package config

import (
	"regexp"
	"strings"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault/keyvault"
)

// principal checks the variables of the credential environment. Their names are those of
// Azure's own libraries and tools; of their values none is shown, because a secret may
// stand under another name.
func (p *problems) principal(s vaultSettings) keyvault.Principal {
	const clientID, tenant = "AZURE_CLIENT_ID", "AZURE_TENANT_ID"
	const secret, file, password = "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD"
	const why = "is not set, which TOKENKEEPER_AZURE_CREDENTIAL=environment needs; "
	switch {
	case s.ClientID == "":
		p.add(clientID, why+"set it to the application's id (az ad app list --display-name NAME --query '[].appId')")
	case !isID(s.ClientID):
		p.add(clientID, "is not an application's id, which reads as 00000000-0000-0000-0000-000000000000")
	}
	switch {
	case s.TenantID == "":
		p.add(tenant, why+"set it to the tenant's id (az account show --query tenantId)")
	case !isID(s.TenantID): // Azure's library compares it with the vault's, which is an id
		p.add(tenant, "is not a tenant's id, which az account show --query tenantId prints; a domain does not do")
	}
	switch {
	case s.ClientSecret == "" && s.Certificate == "":
		p.add(secret, why+"set it, or "+file)
	case s.ClientSecret != "" && s.Certificate != "":
		p.add(secret, "is set, and so is "+file+"; remove the one that is not to count")
	}
	if s.CertPassword != "" && s.Certificate == "" {
		p.add(password, "is set, but "+file+" is not; set both, or neither")
	}
	if strings.ContainsAny(s.ClientSecret, " \"'\t\n") {
		p.add(secret, "has blanks or quotes, which no secret of Entra has; an environment file takes the value as it is, without quotes")
	}
	principal := keyvault.Principal{
		TenantID: s.TenantID, Secret: token.NewSecret(s.ClientSecret),
		CertificateFile: s.Certificate, CertificatePassword: token.NewSecret(s.CertPassword),
	}
	options := keyvault.Options{Credential: keyvault.CredentialEnvironment, Principal: principal}
	if _, err := options.CertificateEnds(); err != nil {
		p.add(file, "names %s, which %v", redact(s.Certificate), err)
	}
	return principal
}

// isID reports whether a text is a GUID, as Entra's ids are.
func isID(text string) bool { return guid.MatchString(text) }

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
