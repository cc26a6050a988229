package house

import (
	"go/ast"
	"testing"
)

// A file or function longer than this is two things with one name.
const (
	maxFileLines = 600
	maxFuncLines = 150
)

// TestFilesAndFunctionsStayShort counts lines of every Go file, tests too.
func TestFilesAndFunctionsStayShort(t *testing.T) {
	tr := load(t)
	for _, s := range tr.sources {
		if s.lines > maxFileLines {
			t.Errorf("%s: %d lines, at most %d", s.path, s.lines, maxFileLines)
		}
		for _, decl := range s.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			n := tr.fset.Position(fn.End()).Line - tr.fset.Position(fn.Pos()).Line + 1
			if n > maxFuncLines {
				t.Errorf("%s: %s has %d lines, at most %d", tr.at(s, fn.Pos()), fn.Name.Name, n, maxFuncLines)
			}
		}
	}
}
