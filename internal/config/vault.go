package config

import (
	"crypto/x509"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"tokenkeeper/internal/vault/keyvault"
)

func (p *problems) vault(s vaultSettings) keyvault.Options {
	address, problem := vaultURL(s.VaultURL)
	if problem != "" {
		p.add("KEY_VAULT_URL", "%s", problem)
	}
	v := keyvault.Options{
		URL: address,
		Credential: p.oneOf("TOKENKEEPER_AZURE_CREDENTIAL", s.Credential,
			keyvault.CredentialManaged, keyvault.CredentialWorkload, keyvault.CredentialEnvironment, keyvault.CredentialCLI, keyvault.CredentialDefault, keyvault.CredentialEmulator),
		ClientID:   s.ClientID,
		RootCAs:    p.certificates("TOKENKEEPER_KEY_VAULT_CA_FILE", s.CAFile),
		APIVersion: s.APIVersion,
	}
	if v.Credential == keyvault.CredentialEnvironment {
		v.Principal = p.principal(s)
	}
	if v.Credential == keyvault.CredentialEmulator {
		switch {
		case isAzure(address):
			p.add("TOKENKEEPER_AZURE_CREDENTIAL", "is emulator, but KEY_VAULT_URL is a vault of Azure, which takes no made-up token; set it to managed, workload, environment, cli or default")
		case !s.AllowEmulator:
			p.add("TOKENKEEPER_AZURE_CREDENTIAL", "is emulator, which sends a made-up token; set TOKENKEEPER_ALLOW_EMULATOR=true if KEY_VAULT_URL is an emulator's, or use managed")
		}
	}
	if s.APIVersion != "" && !apiVersion.MatchString(s.APIVersion) {
		p.add("TOKENKEEPER_KEY_VAULT_API_VERSION", "is %s; write a version as Key Vault's documentation has it, such as 7.6 or 2025-07-01, or leave it out", redact(s.APIVersion))
	}
	return v
}

var apiVersion = regexp.MustCompile(`^(\d+\.\d+|\d{4}-\d{2}-\d{2})(-preview(\.\d+)?)?$`)

const vaultExample = "https://my-vault.vault.azure.net"

// vaultURL is the vault's address without anything after the host, or what is
// wrong with it. The value is not shown, because it may hold a secret.
func vaultURL(value string) (address, problem string) {
	if value == "" {
		return "", "is not set; set it to the vault's URL, such as " + vaultExample + " (az keyvault show --name my-vault --query properties.vaultUri)"
	}
	if !strings.Contains(value, "://") {
		if !strings.ContainsAny(value, ".:/") {
			return "", "is not a URL; if it is the vault's name, write https://, the name, and .vault.azure.net, as in " + vaultExample
		}
		return "", `has no "https://" in front; write it as in ` + vaultExample
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" {
		return "", "is not a URL; write it as in " + vaultExample
	}
	host := strings.ToLower(u.Hostname())
	switch {
	case host == "portal.azure.com" || strings.HasSuffix(host, ".portal.azure.com") || strings.HasPrefix(host, "portal.azure."):
		return "", "is a page of the Azure portal; copy the Vault URI from the vault's overview there, as in " + vaultExample
	case u.Scheme != "https":
		return "", "does not begin with https://, which Key Vault's library demands of emulators too"
	case u.User != nil:
		return "", "holds a user name; TOKENKEEPER_AZURE_CREDENTIAL is how to authenticate, so write it as in " + vaultExample
	case strings.Trim(u.Path, "/") != "":
		return "", "has a path, as identifiers of single secrets do; end it after the host: https://" + u.Host
	case u.RawQuery != "" || u.Fragment != "":
		return "", "goes on after the host; end it there: https://" + u.Host
	}
	return "https://" + u.Host, ""
}

// isAzure reports whether a vault's address is in one of Microsoft's clouds.
func isAzure(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	return slices.ContainsFunc([]string{".azure.net", ".azure.cn", ".usgovcloudapi.net", ".microsoftazure.de"}, func(cloud string) bool {
		return strings.HasSuffix(host, cloud)
	})
}

// certificates reads a PEM file; nil when none is named.
func (p *problems) certificates(variable, path string) *x509.CertPool {
	if path == "" {
		return nil
	}
	pem, ok := p.read(variable, path)
	if !ok {
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		p.add(variable, "names %s, which holds no certificate in PEM form; name the authority's certificate, which begins with -----BEGIN CERTIFICATE-----", redact(path))
		return nil
	}
	return pool
}
