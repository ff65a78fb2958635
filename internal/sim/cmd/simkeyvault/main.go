// Command simkeyvault runs the simulator of Azure Key Vault, package keyvault, as a
// process. It prints its URL once it listens, and stops on SIGTERM or Ctrl-C.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"tokenkeeper/internal/sim/keyvault"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "simkeyvault:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("simkeyvault", flag.ExitOnError)
	var o keyvault.Options
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:0", "`address` to listen on")
	flags.StringVar(&o.DataFile, "data", "", "keep the content in this `file`, in the clear; without it, in memory")
	flags.DurationVar(&o.DeletionDelay, "deletion-delay", 0, "how long a secret is being deleted; the real vault takes up to half a minute")
	flags.DurationVar(&o.RecoveryDelay, "recovery-delay", keyvault.DefaultRecoveryDelay, "how long a recovered secret stays unreadable, and unwritable for as long again")
	quota := flags.Bool("quota", false, "answer 429 beyond the real vault's limits: 300 new versions and 4,000 other calls in ten seconds")
	certFile := flags.String("cert-file", "", "write the certificate that clients must trust to this `file`")
	urlFile := flags.String("url-file", "", "write the URL to this `file` once the server listens")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *quota {
		o.CreationLimit, o.CallLimit = keyvault.Creations, keyvault.OtherCalls
	}
	server, err := keyvault.Start(o)
	if err != nil {
		return err
	}
	defer server.Close()
	// The URL comes last: when it is there, so is the certificate.
	if err := writeFile(*certFile, server.CertificatePEM()); err != nil {
		return err
	}
	if err := writeFile(*urlFile, []byte(server.URL()+"\n")); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, server.URL()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// writeFile writes in one step, so that a reader that waits for the file never
// reads half of it.
func writeFile(path string, content []byte) error {
	if path == "" {
		return nil
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
