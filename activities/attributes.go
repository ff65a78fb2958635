package activities

// Attributes says which search attributes the namespace has, as this worker found when it
// started. A run must not set one that the namespace lacks, which would block it; it learns
// of them from the result of its load, so that every worker replays it alike. A namespace
// that an operator has to add them to may have the first three only.
type Attributes struct {
	Searchable  bool `json:"searchable"`            // TokenAccount, TokenProvider and TokenHealth: an account's runs are found
	ConsentEnds bool `json:"consentEnds,omitempty"` // TokenConsentEnds
	User        bool `json:"user,omitempty"`        // TokenUser
}
