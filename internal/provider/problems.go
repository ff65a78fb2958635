package provider

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// problems collects what is wrong with a file, so that a person mends all of it
// in one go.
type problems struct {
	file string
	list []problem
}

type problem struct {
	line int
	text string
}

func (p *problems) add(line int, format string, args ...any) {
	p.list = append(p.list, problem{line: line, text: fmt.Sprintf(format, args...)})
}

// err has one line for each problem, in the file's order; nil without any.
func (p *problems) err() error {
	slices.SortStableFunc(p.list, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	errs := make([]error, 0, len(p.list))
	for _, one := range p.list {
		errs = append(errs, fmt.Errorf("%s:%d: %s", p.file, one.line, one.text))
	}
	return errors.Join(errs...)
}
