package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
)

// module is the import path of the project; every path below is relative to it.
const module = "github.com/hometone/hometone"

// source is one parsed Go file of the project.
type source struct {
	path  string // relative to the checkout, with slashes
	dir   string // its package's directory, "." for the root
	test  bool   // name ends in _test.go
	lines int
	file  *ast.File
}

// tree is the whole project as the house tests see it.
type tree struct {
	root    string
	fset    *token.FileSet
	sources []source
}

// load parses every Go file of the checkout that a build could use. Generated
// files and testdata folders are left out.
func load(t *testing.T) tree {
	t.Helper()
	tr := tree{root: testdata.Root(t), fset: token.NewFileSet()}
	err := filepath.WalkDir(tr.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != tr.root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		return tr.add(path)
	})
	if err != nil {
		t.Fatalf("read the project: %v", err)
	}
	return tr
}

// add parses one file.
func (tr *tree) add(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(tr.fset, path, text, parser.ParseComments)
	if err != nil {
		return err
	}
	if ast.IsGenerated(file) {
		return nil
	}
	rel, err := filepath.Rel(tr.root, path)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	tr.sources = append(tr.sources, source{
		path:  rel,
		dir:   filepath.ToSlash(filepath.Dir(rel)),
		test:  strings.HasSuffix(rel, "_test.go"),
		lines: strings.Count(string(text), "\n"),
		file:  file,
	})
	return nil
}

// packages groups the files by directory, in a stable order.
func (tr tree) packages() (dirs []string, byDir map[string][]source) {
	byDir = make(map[string][]source)
	for _, s := range tr.sources {
		byDir[s.dir] = append(byDir[s.dir], s)
	}
	for dir := range byDir {
		dirs = append(dirs, dir)
	}
	sort.Strings(dirs)
	return dirs, byDir
}

// at names a position as path:line.
func (tr tree) at(s source, pos token.Pos) string {
	return s.path + ":" + itoa(tr.fset.Position(pos).Line)
}

// texts walks every file under the checkout whose name matches one of the
// extensions and hands its text to visit.
func (tr tree) texts(t *testing.T, visit func(path, text string), extensions ...string) {
	t.Helper()
	err := filepath.WalkDir(tr.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(tr.root, path, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !hasExtension(d.Name(), extensions) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(tr.root, path)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(rel), string(text))
		return nil
	})
	if err != nil {
		t.Fatalf("read the project: %v", err)
	}
}

// skipped tells whether a folder is not part of the project's text: version
// control, build output, a node's data, vendored test corpora.
func skipped(root, path, name string) bool {
	if path == root {
		return false
	}
	switch name {
	case ".git", "bin", "node_modules", "hometone-data":
		return true
	}
	return false
}

func hasExtension(name string, extensions []string) bool {
	for _, e := range extensions {
		if strings.HasSuffix(name, e) {
			return true
		}
	}
	return false
}

// functions lists the functions of a file without receiver, by name.
func functions(file *ast.File) map[string]*ast.FuncDecl {
	found := make(map[string]*ast.FuncDecl)
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
			found[fn.Name.Name] = fn
		}
	}
	return found
}
