// Package consent brings a person's consent from the provider into the vault.
//
// The person's browser comes back to a [Callback] on this machine, or the person
// pastes where it went ([ReadPasted]); [ReadRedirect] finds the code in it. Once
// a code is exchanged, the pair exists once in the world: a [PendingStore] keeps it
// sealed on disk until the vault has it, so that neither an interruption nor a
// vault that is away loses it. A [Service] does both in order.
//
// [ParseTokens] reads tokens that a person has from elsewhere.
package consent
