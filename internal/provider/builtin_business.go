package provider

import "time"

// businessRows are the providers of accounts, contracts, customers and shops.
func businessRows() []Provider {
	return []Provider{calendly(), docusign(), hubspot(), quickbooks(), salesforce(), shopify(), xero()}
}

// calendly revokes a refresh token "immediately after a successful POST". Its scopes are
// chosen with the app's registration.
func calendly() Provider {
	return Provider{
		Name:                "calendly",
		Title:               "Calendly",
		AuthURL:             "https://auth.calendly.com/oauth/authorize",
		TokenURL:            "https://auth.calendly.com/oauth/token",
		RevokeURL:           "https://auth.calendly.com/oauth/revoke",
		AuthStyle:           AuthBody,
		Rotation:            SingleUse,
		AccessTokenLifetime: 2 * time.Hour,
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Calendly developer, "How to handle single-use refresh tokens", "Creating an OAuth App" and "Revoke Access/Refresh Token"`,
			Read:       readOn,
			Unverified: "what a reuse does beyond failing; how a dead grant is told, taken to be invalid_grant",
		},
	}
}

// docusign gives new refresh tokens of thirty days only with the scope extended.
func docusign() Provider {
	return Provider{
		Name:                "docusign",
		Title:               "Docusign",
		AuthURL:             "https://account.docusign.com/oauth/auth",
		TokenURL:            "https://account.docusign.com/oauth/token",
		AuthStyle:           AuthHeader,
		Rotation:            SingleUse,
		AccessTokenLifetime: 8 * time.Hour,
		GrantIdle:           30 * day,
		GrantEnds:           "Docusign ends a refresh token after 30 days, and renews that time at a refresh only where the consent was for the scope extended",
		Scopes:              []string{"signature", "extended"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Docusign developer, "Obtain access token endpoint"`,
			Read:       readOn,
			Unverified: "the 8 hours and 30 days and the scope extended, from questions and answers; whether the old refresh token stays good; what a lost answer and what a reuse does",
		},
	}
}

// hubspot's endpoints are those of its OAuth API of 2026-03; those of v1 end on
// 2027-02-16. A dead grant is told in its own message, beside one OAuth code or another.
func hubspot() Provider {
	return Provider{
		Name:                "hubspot",
		Title:               "HubSpot",
		AuthURL:             "https://app.hubspot.com/oauth/authorize",
		TokenURL:            "https://api.hubapi.com/oauth/2026-03/token",
		RevokeURL:           "https://api.hubapi.com/oauth/2026-03/token/revoke",
		AuthStyle:           AuthBody,
		Rotation:            NoRotation,
		DeadAnswers:         []DeadAnswer{{Field: "message", Value: "missing or invalid refresh token"}},
		AccessTokenLifetime: 30 * time.Minute,
		GrantEnds:           "HubSpot ends a refresh token when the app is uninstalled",
		Scopes:              []string{"oauth"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `HubSpot developers, "Migrate from the OAuth v1 API" and changelog "v1 OAuth API Deprecation"`,
			Read:       readOn,
			Unverified: "the words for a dead grant, from v1 and people's logs, where invalid_request stands beside them; the form of a revocation",
		},
	}
}

// quickbooks changes the value of a refresh token about once a day and repeats it in
// between. An answer states the hard end only to a request with the header
// x-include-refresh-token-hard-expires-in, which Token Keeper does not send; without it the
// five years count from the consent.
func quickbooks() Provider {
	return Provider{
		Name:                 "quickbooks",
		Title:                "QuickBooks",
		AuthURL:              "https://appcenter.intuit.com/connect/oauth2",
		TokenURL:             "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",
		AuthStyle:            AuthHeader,
		Rotation:             Sometimes,
		AccessTokenLifetime:  time.Hour,
		GrantIdle:            100 * day,
		GrantLife:            5 * 365 * day,
		RefreshLifetimeField: "x_refresh_token_expires_in",
		GrantLifetimeField:   "x_refresh_token_hard_expires_in",
		GrantEnds:            "QuickBooks ends a refresh token after 100 days without a refresh, and every grant five years after its consent (the first ones in February 2027 and October 2028)",
		Scopes:               []string{"com.intuit.quickbooks.accounting"},
		Dialect:              RFC6749,
		Source: Source{
			Page:       `Intuit developer blog, "Important changes to refresh token policy" (2025-11-12); "Authentication and authorization FAQ"; release notes of the SDKs for Java and .NET`,
			Read:       readOn,
			Unverified: "whether the value before the last one stays good; what a lost answer and what a reuse does; its revocation takes JSON only, so there is none here",
		},
	}
}

// salesforce rotates refresh tokens only where the app or the customer's administrator
// has switched it on, and then ends the grant at a reuse. Answers name no lifetime: an
// access token is a session, and two hours are the default of a session. An org of its own
// domain has its own token endpoint; see [Settings].
func salesforce() Provider {
	return Provider{
		Name:                "salesforce",
		Title:               "Salesforce",
		AuthURL:             "https://login.salesforce.com/services/oauth2/authorize",
		TokenURL:            "https://login.salesforce.com/services/oauth2/token",
		TokenURLs:           map[string]string{"sandbox": "https://test.salesforce.com/services/oauth2/token"},
		RevokeURL:           "https://login.salesforce.com/services/oauth2/revoke",
		AuthStyle:           AuthBody,
		Revocation:          RevokeUnsigned,
		Rotation:            Sometimes,
		Reuse:               RevokesGrant,
		AccessTokenLifetime: 2 * time.Hour,
		GrantEnds: "Salesforce keeps five grants of one user to one app and ends the oldest; the org's policy may end a refresh token at once, after a time, or unused; " +
			"with rotation, a spent one that is shown again ends the grant",
		Scopes:  []string{"api", "refresh_token"},
		Dialect: RFC6749,
		Source: Source{
			Page:       `Salesforce Help, "Refresh Token Rotation" (005316711) and "OAuth 2.0 Refresh Token Flow for Renewed Sessions"`,
			Read:       readOn,
			Unverified: "the life of an access token, which is a policy of each org; the five grants, from third parties; the form of a revocation",
		},
	}
}

// shopify has an endpoint for each shop, so that the row's own resolves nowhere: an
// account, or an entry like this one, states its shop's token_url. A refresh token can be
// had only with expiring=1 in the exchange of the code, which `starter authorize` does not
// send; AuthURL is therefore empty, and the first pair is imported. The window is the hour
// that was documented until August 2026; since then it is up to 30 days.
func shopify() Provider {
	return Provider{
		Name:                 "shopify",
		Title:                "Shopify",
		TokenURL:             "https://shop.invalid/admin/oauth/access_token",
		AuthStyle:            AuthBody,
		Rotation:             SingleUse,
		ReplayWindow:         time.Hour,
		ReplayEndsOnUse:      true,
		Reuse:                Refused,
		AccessTokenLifetime:  time.Hour,
		GrantIdle:            90 * day,
		RefreshLifetimeField: "refresh_token_expires_in",
		GrantEnds:            "Shopify ends a refresh token after 90 days, and every grant when the shop uninstalls the app",
		Dialect:              RFC6749,
		Source: Source{
			Page:       `Shopify developer changelog, "More resilient refreshes for expiring offline access tokens" (2026-08-28) and "Offline access tokens now support expiry and refresh" (2025-12-10)`,
			Read:       readOn,
			Unverified: "how a dead grant is told, taken to be invalid_grant; that a retired refresh token is refused and its successor stays good, read out of the word \"retired\"",
		},
	}
}

// xero repeats a refresh that got no answer with the same token for 30 minutes.
// Afterwards the old token is invalid_grant and the new one works (its developer community,
// "invalid_grant when refreshing a token").
func xero() Provider {
	return Provider{
		Name:                "xero",
		Title:               "Xero",
		AuthURL:             "https://login.xero.com/identity/connect/authorize",
		TokenURL:            "https://identity.xero.com/connect/token",
		RevokeURL:           "https://identity.xero.com/connect/revocation",
		AuthStyle:           AuthHeader,
		Rotation:            SingleUse,
		ReplayWindow:        30 * time.Minute,
		Reuse:               Refused,
		AccessTokenLifetime: 30 * time.Minute,
		GrantIdle:           60 * day,
		GrantEnds:           "Xero ends a refresh token that is not used for 60 days",
		Scopes:              []string{"offline_access", "openid", "profile", "email", "accounting.settings.read"},
		Dialect:             RFC6749,
		Source: Source{
			Page:       `Xero developer, "OAuth 2.0" FAQ; its developer community, "invalid_grant when refreshing a token" (staff)`,
			Read:       readOn,
			Unverified: "that the successor stays good after a late reuse, from its community; the revocation, not read again",
		},
	}
}
