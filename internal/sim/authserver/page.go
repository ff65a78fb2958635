package authserver

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"
)

//go:embed consent.html
var consentHTML string

type page struct {
	Client string
	Scopes []string
	// Error and Message make it a page that says why not.
	Error, Message string
}

func consentPage(client string, scopes []string) reply {
	return page{Client: client, Scopes: scopes}.render(http.StatusOK)
}

func errorPage(code, message string) reply {
	return page{Error: code, Message: message}.render(http.StatusBadRequest)
}

func (p page) render(status int) reply {
	var html strings.Builder
	if err := template.Must(template.New("consent").Parse(consentHTML)).Execute(&html, p); err != nil {
		return textReply(http.StatusInternalServerError, "text/plain", err.Error())
	}
	return textReply(status, "text/html; charset=utf-8", html.String())
}
