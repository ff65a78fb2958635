package keyvault

import (
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// throttled passes each 429 on to what paces this process. It may be nil.
type throttled func(wait time.Duration)

// Do implements policy.Policy.
func (t throttled) Do(r *policy.Request) (*http.Response, error) {
	answer, err := r.Next()
	if err == nil && answer.StatusCode == http.StatusTooManyRequests && t != nil {
		t(retryAfter(answer))
	}
	return answer, err
}

// retryAfter is the wait that an answer asks for; Key Vault gives it in seconds.
func retryAfter(answer *http.Response) time.Duration {
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longestRetryAfter)
}

// longestRetryAfter bounds what a vault may ask for. Key Vault counts ten seconds.
const longestRetryAfter = 5 * time.Minute
