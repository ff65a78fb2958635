package keyvault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
)

func TestADeletedSecretIsHiddenKeptAndHoldsItsName(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	version := vault.set(name, value).version()
	deleted := vault.call("DELETE", "/secrets/"+name, "")
	require.Equal(t, 200, deleted.status)
	require.Equal(t, vault.url+"/deletedsecrets/"+name, deleted.body["recoveryId"])
	require.Contains(t, deleted.body, "scheduledPurgeDate")
	require.NotContains(t, deleted.body, "value")

	require.Equal(t, 404, vault.call("GET", "/secrets/"+name, "").status)
	require.Equal(t, 404, vault.call("DELETE", "/secrets/"+name, "").status)
	require.Equal(t, 404, vault.call("PATCH", "/secrets/"+name+"/"+version, "{}").status)
	require.Empty(t, vault.call("GET", "/secrets", "").body["value"])
	require.Empty(t, vault.call("GET", "/secrets/"+name+"/versions", "").body["value"])
	require.Equal(t, 200, vault.call("GET", "/deletedsecrets/"+name, "").status)
	got := vault.set(name, value)
	require.Equal(t, 409, got.status)
	require.Equal(t, "Conflict/ObjectIsDeletedButRecoverable", got.code())
	require.Len(t, server.Versions(name), 1, "the audit sees what is deleted")
}

func TestRecoveryBringsReadsBackFirstAndWritesLater(t *testing.T) {
	clock := &clock{}
	_, vault := start(t, keyvault.Options{RecoveryDelay: time.Minute, Now: clock.now})
	vault.set(name, value)
	vault.call("DELETE", "/secrets/"+name, "")
	require.Equal(t, 200, vault.call("POST", "/deletedsecrets/"+name+"/recover", "").status)

	require.Equal(t, 404, vault.call("GET", "/secrets/"+name, "").status)
	require.Equal(t, "Conflict/ObjectIsBeingRecovered", vault.set(name, value).code())
	clock.advance(time.Minute)
	require.Equal(t, 200, vault.call("GET", "/secrets/"+name, "").status)
	require.Equal(t, "Conflict/ObjectIsBeingRecovered", vault.set(name, value).code())
	clock.advance(time.Minute)
	require.Equal(t, 200, vault.set(name, value).status)
	require.Equal(t, 404, vault.call("GET", "/deletedsecrets/"+name, "").status)
}

func TestWhileADeletionIsUnderWayTheSecretIsNowhere(t *testing.T) {
	clock := &clock{}
	_, vault := start(t, keyvault.Options{DeletionDelay: time.Minute, Now: clock.now})
	vault.set(name, value)
	require.Equal(t, 200, vault.call("DELETE", "/secrets/"+name, "").status)

	require.Equal(t, 404, vault.call("GET", "/secrets/"+name, "").status)
	require.Equal(t, "SecretNotFound", vault.call("GET", "/deletedsecrets/"+name, "").code())
	for _, got := range []answer{
		vault.set(name, value),
		vault.call("POST", "/deletedsecrets/"+name+"/recover", ""),
		vault.call("DELETE", "/deletedsecrets/"+name, ""),
	} {
		require.Equal(t, 409, got.status)
		require.Equal(t, "Conflict/ObjectIsBeingDeleted", got.code())
	}
	clock.advance(time.Minute)
	require.Equal(t, 200, vault.call("GET", "/deletedsecrets/"+name, "").status)
	require.Equal(t, "Conflict/ObjectIsDeletedButRecoverable", vault.set(name, value).code())
	require.Equal(t, 200, vault.call("POST", "/deletedsecrets/"+name+"/recover", "").status)
}

func TestADisabledSecretIsNotShownAmongTheDeleted(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	version := vault.set(name, value).version()
	require.NoError(t, server.SetEnabled(name, version, false))
	require.Equal(t, 200, vault.call("DELETE", "/secrets/"+name, "").status)
	got := vault.call("GET", "/deletedsecrets/"+name, "")
	require.Equal(t, 403, got.status)
	require.Equal(t, "Forbidden/SecretDisabled", got.code())
	require.Equal(t, 200, vault.call("POST", "/deletedsecrets/"+name+"/recover", "").status)
}

func TestAPurgedNameIsFree(t *testing.T) {
	server, vault := start(t, keyvault.Options{})
	vault.set(name, value)
	vault.call("DELETE", "/secrets/"+name, "")
	require.Equal(t, 204, vault.call("DELETE", "/deletedsecrets/"+name, "").status)
	require.Empty(t, server.Versions(name))
	require.Equal(t, 200, vault.set(name, value).status)
}
