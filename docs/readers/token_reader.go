// Calls an API with a token from a mounted Kubernetes Secret (Go 1.19 and later, no modules).
//
// A call that is refused with 401 is made a second time only with another token. If the file still has the refused one, the
// daemon is told, once for all goroutines of this process.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How long a call waits for a replacement at most, and how long the same token is not reported again at least.
const (
	maxWait  = 10 * time.Second
	minQuiet = 30 * time.Second
	maxQuiet = time.Hour
)

// Without the proxies of the environment: neither they nor another host get the identity.
var reporter = &http.Client{
	Timeout:       5 * time.Second,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

type token struct {
	Authorization string `json:"authorization"`
	AccessToken   string `json:"access_token"`
}

type TokenReader struct {
	TokenFile     string // token.json in the mounted folder: one file, because two could be of two tokens
	RejectionsURL string // http://token-refresher-rejections.NAMESPACE:8081/v1/tokens/NAME/rejections
	IdentityFile  string // the projected service-account token

	mutex      sync.Mutex
	reported   string
	quietUntil time.Time
}

// Do sends the request that build makes, a second time if the token was refused and there is another one.
func (r *TokenReader) Do(client *http.Client, build func() (*http.Request, error)) (*http.Response, error) {
	send := func(t token) (*http.Response, error) {
		request, err := build()
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", t.Authorization)
		return client.Do(request)
	}
	refused, err := r.read()
	if err != nil {
		return nil, err
	}
	response, err := send(refused)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	current, err := r.read()
	if err == nil && current.AccessToken == refused.AccessToken {
		hash := sha256.Sum256([]byte(refused.AccessToken))
		r.reportOnce(hex.EncodeToString(hash[:]))
		current, err = r.read()
	}
	if err != nil || current.AccessToken == refused.AccessToken {
		return response, nil
	}
	response.Body.Close()
	return send(current)
}

// At each use: the kubelet changes the file, and nothing tells the program.
func (r *TokenReader) read() (t token, err error) {
	text, err := os.ReadFile(r.TokenFile)
	if os.IsNotExist(err) { // The kubelet has just removed the folder.
		text, err = os.ReadFile(r.TokenFile)
	}
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	return t, err
}

// The mutex is held while the first waits for the replacement: all others wait with it, and find it reported.
func (r *TokenReader) reportOnce(sha256 string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.reported == sha256 && time.Now().Before(r.quietUntil) {
		return
	}
	started := time.Now()
	// A daemon that does not answer must not make the call fail.
	status, retryAfter, _ := r.report(sha256)
	if status == http.StatusAccepted {
		time.Sleep(min(retryAfter, maxWait))
	}
	r.reported = sha256
	r.quietUntil = started.Add(max(retryAfter, minQuiet))
}

func (r *TokenReader) report(sha256 string) (status int, retryAfter time.Duration, err error) {
	identity, err := os.ReadFile(r.IdentityFile)
	if err != nil {
		return 0, 0, err
	}
	body := fmt.Sprintf(`{"sha256":%q,"status":401}`, sha256)
	request, err := http.NewRequest(http.MethodPost, r.RejectionsURL, bytes.NewBufferString(body))
	if err != nil {
		return 0, 0, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(identity)))
	request.Header.Set("Content-Type", "application/json")
	answer, err := reporter.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	var said struct {
		RetryAfter float64 `json:"retry_after"`
	}
	err = json.NewDecoder(answer.Body).Decode(&said)
	if said.RetryAfter == 0 {
		said.RetryAfter, _ = strconv.ParseFloat(answer.Header.Get("Retry-After"), 64)
	}
	if !(said.RetryAfter > 0) { // Nor NaN.
		said.RetryAfter = 0
	}
	seconds := math.Min(said.RetryAfter, maxQuiet.Seconds())
	return answer.StatusCode, time.Duration(seconds * float64(time.Second)), err
}

func min(a, b time.Duration) time.Duration {
	if a < b {
		return a
	}
	return b
}

func max(a, b time.Duration) time.Duration {
	if a > b {
		return a
	}
	return b
}
