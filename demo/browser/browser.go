// Package browser reads Temporal's Web UI with a headless Chromium: scripts build
// its pages, so that nothing less will do. It also consents at a provider's page.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// ErrNone: there is no Chromium on this machine.
var ErrNone = errors.New("no Chromium found; install the package chromium, or Google Chrome")

// programs are the names that Chromium goes by. scripts/left-out looks for the same.
var programs = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

// flags keep Chromium quiet, alone with the pages that it is sent to, and able
// to run as root in a container.
var flags = []string{
	"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "hide-scrollbars",
	"disable-background-networking", "disable-component-update", "disable-sync",
}

// Browser is one window of a running Chromium.
type Browser struct {
	ctx   context.Context
	close context.CancelFunc
}

// Open starts Chromium with a profile of its own, which Close removes, and a
// page area of the given size in pixels. It returns ErrNone where there is none.
func Open(ctx context.Context, width, height int) (*Browser, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path)}
	for _, f := range flags {
		options = append(options, chromedp.Flag(f, true))
	}
	allocator, closeAllocator := chromedp.NewExecAllocator(ctx, options...)
	window, closeWindow := chromedp.NewContext(allocator)
	b := &Browser{ctx: window, close: func() { closeWindow(); closeAllocator() }}
	if err := chromedp.Do(b.ctx); err != nil { // starts it
		b.Close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(int64(width), int64(height))); err != nil {
		b.Close()
		return nil, fmt.Errorf("size the window: %w", err)
	}
	return b, nil
}

// EnvRequire, set to 1, makes a test that finds no Chromium fail instead of
// being skipped.
const EnvRequire = "TOKENKEEPER_REQUIRE_CHROMIUM"

// ForTest opens a window that is closed with the test. Where there is no
// Chromium it skips the test, or fails it when EnvRequire is 1.
func ForTest(t testing.TB) *Browser {
	t.Helper()
	b, err := Open(t.Context(), 1400, 1000)
	switch {
	case err == nil:
		t.Cleanup(b.Close)
	case errors.Is(err, ErrNone) && os.Getenv(EnvRequire) != "1":
		t.Skip("this test needs a browser:", err)
	default:
		t.Fatal("this test needs a browser:", err)
	}
	return b
}

// Close ends Chromium.
func (b *Browser) Close() { b.close() }

func find() (string, error) {
	for _, program := range programs {
		if path, err := exec.LookPath(program); err == nil {
			return path, nil
		}
	}
	return "", ErrNone
}

// Page is a page as it was when it showed what was waited for.
type Page struct {
	Text string // as displayed
	HTML string
}

// pageWithin bounds what takes seconds on an idle machine.
const pageWithin = 3 * time.Minute

// Read opens a page and waits until it shows all the given texts. The error
// names the first one that it does not show in time.
func (b *Browser) Read(url string, texts ...string) (Page, error) {
	return b.show(url, chromedp.Navigate(url), texts)
}

// Press clicks on what a CSS selector finds, and waits until the page that follows
// shows all the given texts.
func (b *Browser) Press(selector string, texts ...string) (Page, error) {
	return b.show("the page after a click on "+selector, chromedp.Click(selector), texts)
}

// show does something and waits until the window shows all the given texts.
func (b *Browser) show(what string, action chromedp.Action[chromedp.Void], texts []string) (Page, error) {
	ctx, cancel := context.WithTimeout(b.ctx, pageWithin)
	defer cancel()
	if err := chromedp.Do(ctx, action); err != nil {
		return Page{}, fmt.Errorf("open %s: %w", what, err)
	}
	for {
		page, err := read(ctx)
		missing := firstMissing(page.Text, texts)
		if err == nil && missing == "" {
			return page, nil
		}
		select {
		case <-ctx.Done():
			return page, fmt.Errorf("%s does not show %q; it shows:\n%s", what, missing, page.Text)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Address is what the address bar shows.
func (b *Browser) Address() (string, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[string]("location.href"))
}

// everywhere evaluates a property of the page's root elements, its own and those
// of its frames: the Web UI shows words that came from outside in frames.
const everywhere = `[document, ...Array.from(document.querySelectorAll("iframe"), f => f.contentDocument)]
	.filter(d => d && d.body).map(d => d.documentElement.%s).join("\n")`

func read(ctx context.Context) (p Page, err error) {
	if p.Text, err = chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(everywhere, "innerText"))); err != nil {
		return p, err
	}
	p.HTML, err = chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(everywhere, "outerHTML")))
	return p, err
}

func firstMissing(text string, wanted []string) string {
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			return want
		}
	}
	return ""
}

// Picture is the window as a PNG.
func (b *Browser) Picture() ([]byte, error) {
	return chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
}
