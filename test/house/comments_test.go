package house

import (
	"go/ast"
	"strings"
	"testing"
)

// minEssay is the length in bytes below which a package comment is a label
// and not an explanation.
const minEssay = 200

// TestEveryPackageExplainsItself proves that each package has exactly one
// comment, that it is of the usual form and that it says something.
func TestEveryPackageExplainsItself(t *testing.T) {
	tr := load(t)
	dirs, byDir := tr.packages()
	for _, dir := range dirs {
		var found []string
		production := 0
		for _, s := range byDir[dir] {
			if s.test {
				continue
			}
			production++
			if s.file.Doc == nil {
				continue
			}
			found = append(found, s.path)
			text := s.file.Doc.Text()
			want := "Package " + s.file.Name.Name + " "
			if s.file.Name.Name == "main" {
				want = "Command "
			}
			if !strings.HasPrefix(text, want) && !strings.HasPrefix(text, strings.TrimSpace(want)+"\n") {
				t.Errorf("%s: the package comment starts with %.30q, want %q", s.path, text, want)
			}
			if len(text) < minEssay {
				t.Errorf("%s: the package comment has %d bytes; say what it is, how to use it, who owns what (%d)", s.path, len(text), minEssay)
			}
		}
		if production > 0 && len(found) != 1 {
			t.Errorf("%s: %d files carry a package comment %v, want exactly one", dir, len(found), found)
		}
	}
}

// public are the packages whose exported names a stranger reads on pkg.go.dev.
var public = []string{"sip", "sdp", "rtp", "media", "phone"}

// TestExportedNamesAreDocumented proves that every exported function, method,
// type and constant group of the public rooms says what it is.
func TestExportedNamesAreDocumented(t *testing.T) {
	tr := load(t)
	for _, s := range tr.sources {
		if s.test || !isPublic(s.dir) {
			continue
		}
		for _, decl := range s.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && receiverExported(d) {
					t.Errorf("%s: %s has no comment", tr.at(s, d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				undocumented(t, tr, s, d)
			}
		}
	}
}

// undocumented reports exported types, constants and variables of a
// declaration that neither have a comment nor stand in a commented group.
func undocumented(t *testing.T, tr tree, s source, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		switch sp := spec.(type) {
		case *ast.TypeSpec:
			if sp.Name.IsExported() && d.Doc == nil && sp.Doc == nil && sp.Comment == nil {
				t.Errorf("%s: type %s has no comment", tr.at(s, sp.Pos()), sp.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range sp.Names {
				if name.IsExported() && d.Doc == nil && sp.Doc == nil && sp.Comment == nil {
					t.Errorf("%s: %s has no comment", tr.at(s, name.Pos()), name.Name)
				}
			}
		}
	}
}

func isPublic(dir string) bool {
	for _, p := range public {
		if dir == p || strings.HasPrefix(dir, p+"/") {
			return true
		}
	}
	return false
}

// receiverExported is true for functions and for methods of exported types.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}
