// Codeshape prints how the Go code of a checkout is shaped, tests left out: how
// much there is, how it is cut into files and functions, and how its comments
// read. With a second checkout it prints both beside each other.
//
//	go run ./scripts/codeshape [-v] [DIR] [AFTER]
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

func main() {
	verbose := flag.Bool("v", false, "list the private words of the comments and where they are")
	flag.Usage = func() {
		_, _ = fmt.Fprintln(flag.CommandLine.Output(), "usage: codeshape [-v] [DIR] [AFTER]; without DIR it measures the current folder")
		flag.PrintDefaults()
	}
	flag.Parse()
	dirs := flag.Args()
	switch len(dirs) {
	case 0:
		dirs = []string{"."}
	case 1, 2:
	default:
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, dirs, *verbose); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "codeshape:", err)
		os.Exit(1)
	}
}

// checkout is what was measured in one folder.
type checkout struct {
	Dir    string
	Groups []figures
}

func run(w io.Writer, dirs []string, verbose bool) error {
	var all []checkout
	for _, dir := range dirs {
		files, err := readTree(os.DirFS(dir))
		if err != nil {
			return fmt.Errorf("measure %s: %w", dir, err)
		}
		c := checkout{Dir: dir}
		for _, group := range []string{product, testEnvironment, rest, whole} {
			c.Groups = append(c.Groups, measure(group, files))
		}
		all = append(all, c)
	}
	if err := printTable(w, all); err != nil {
		return err
	}
	if verbose {
		printWords(w, all)
	}
	return nil
}

// printTable gives every group a block of rows, and every checkout a column.
func printTable(w io.Writer, all []checkout) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(name string, cell func(c checkout) string) {
		for _, c := range all {
			name += "\t" + cell(c)
		}
		_, _ = fmt.Fprintln(table, name)
	}
	row("", func(c checkout) string { return c.Dir })
	for i, group := range all[0].Groups {
		row(group.Group, func(checkout) string { return "" })
		for j, name := range figureNames {
			row("  "+name, func(c checkout) string { return c.Groups[i].values()[j] })
		}
	}
	return table.Flush()
}

// figureNames are the names of what values gives, in its order.
var figureNames = []string{"files", "lines", "median file", "90th percentile", "longest file", "longest function",
	"files per package", "one-word function names", "private words in comments"}

func (f figures) values() []string {
	return []string{fmt.Sprint(f.Files), fmt.Sprint(f.Lines), fmt.Sprint(f.MedianFile), fmt.Sprint(f.P90File), f.LongestFile.String(), f.LongestFunction.String(),
		fmt.Sprintf("%.1f", f.FilesPerPackage), fmt.Sprintf("%.0f %%", f.OneWordNames), fmt.Sprint(f.PrivateWords)}
}

func (l longest) String() string { return fmt.Sprintf("%d %s", l.Lines, l.Name) }

// printWords lists what each checkout holds, group by group.
func printWords(w io.Writer, all []checkout) {
	for _, c := range all {
		for _, group := range c.Groups[:len(c.Groups)-1] { // the last one is the whole
			_, _ = fmt.Fprintf(w, "\n%s, %s:\n", c.Dir, group.Group)
			for _, f := range group.Found {
				_, _ = fmt.Fprintf(w, "%s:%d: %s\n", f.File, f.Line, f.Word)
			}
		}
	}
}
