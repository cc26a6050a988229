package house

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// mutable lists the package variables that may change, have no value at start
// or are given away by address, as "dir.name", with the reason.
var mutable = map[string]string{
	"internal/rest.reserve": "guards GOMAXPROCS, which belongs to the process and has no change in one step",
	"media.ulawLevels":      "a table of 512 bytes; its address saves copying it, nobody writes",
	"media.alawLevels":      "a table of 512 bytes; its address saves copying it, nobody writes",
	"media.ulawToALaw":      "a table of 256 bytes; its address saves copying it, nobody writes",
	"media.alawToULaw":      "a table of 256 bytes; its address saves copying it, nobody writes",
}

// TestNothingRunsBeforeMain proves that there is no init function: what a
// program does begins in main and can be read from there.
func TestNothingRunsBeforeMain(t *testing.T) {
	tr := load(t)
	for _, s := range tr.sources {
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: func init; make it an ordinary function that main or a constructor calls", tr.at(s, fn.Pos()))
			}
		}
	}
}

// TestPackageVariablesAreConstant proves that package variables hold one
// value for ever: they have an initial value and nobody in the package
// assigns to them, to a part of them, or takes their address.
func TestPackageVariablesAreConstant(t *testing.T) {
	tr := load(t)
	used := make(map[string]bool)
	dirs, byDir := tr.packages()
	for _, dir := range dirs {
		vars := packageVars(tr, byDir[dir], used, t)
		for _, s := range byDir[dir] {
			if s.test {
				continue
			}
			for _, w := range writes(s.file) {
				name := w.ident.Name
				if name == "_" || !vars[name] || local(s.file, w.ident) {
					continue
				}
				key := dir + "." + name
				if mutable[key] != "" {
					used[key] = true
					continue
				}
				t.Errorf("%s: package variable %s is %s; make it a field of the value that owns it", tr.at(s, w.ident.Pos()), name, w.how)
			}
		}
	}
	for key := range mutable {
		if !used[key] {
			t.Errorf("test/house/state_test.go: %s is in the table of mutable variables and no longer is one", key)
		}
	}
}

// packageVars collects the package-level variables of one directory and
// reports those without an initial value.
func packageVars(tr tree, files []source, used map[string]bool, t *testing.T) map[string]bool {
	t.Helper()
	vars := make(map[string]bool)
	for _, s := range files {
		if s.test {
			continue
		}
		for _, decl := range s.file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				vs := spec.(*ast.ValueSpec)
				for _, name := range vs.Names {
					vars[name.Name] = true
					key := s.dir + "." + name.Name
					if len(vs.Values) > 0 || name.Name == "_" || embedded(gen, vs) {
						continue
					}
					if mutable[key] != "" {
						used[key] = true
						continue
					}
					t.Errorf("%s: package variable %s has no initial value, so somebody must change it", tr.at(s, name.Pos()), name.Name)
				}
			}
		}
	}
	return vars
}

// embedded is true for variables the compiler fills from a file.
func embedded(gen *ast.GenDecl, vs *ast.ValueSpec) bool {
	for _, group := range []*ast.CommentGroup{gen.Doc, vs.Doc} {
		if group == nil {
			continue
		}
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

// write is one place that could change a variable.
type write struct {
	ident *ast.Ident
	how   string
}

// writes finds assignments, increments and address-taking in a file.
func writes(file *ast.File) []write {
	var found []write
	note := func(e ast.Expr, how string) {
		if id := rootIdent(e); id != nil {
			found = append(found, write{id, how})
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.AssignStmt:
			if x.Tok != token.DEFINE {
				for _, l := range x.Lhs {
					note(l, "assigned")
				}
			}
		case *ast.IncDecStmt:
			note(x.X, "counted up or down")
		case *ast.UnaryExpr:
			if _, literal := x.X.(*ast.CompositeLit); x.Op == token.AND && !literal {
				note(x.X, "given away by address")
			}
		case *ast.CallExpr:
			if fn, ok := x.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear") && len(x.Args) > 0 {
				note(x.Args[0], "emptied")
			}
		}
		return true
	})
	return found
}

// rootIdent returns x for x, x.f, x[i], *x and (x).
func rootIdent(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			return nil // through a pointer: not the variable itself
		default:
			return nil
		}
	}
}

// local tells whether the parser resolved the name to something declared
// inside a function of the same file. A name without an object is declared in
// another file of the package, or imported.
func local(file *ast.File, id *ast.Ident) bool {
	if id.Obj == nil {
		return false
	}
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			if id.Obj.Decl == spec {
				return false
			}
		}
	}
	return true
}
