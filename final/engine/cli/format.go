package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"
)

// A table is what a command that lists things prints: by default columns, by --format whatever is asked for.
type table struct {
	format  string   // of columns: "table {{.ID}}\t{{.Names}}"
	headers []string // NAME=HEADER, of all fields that a row has
	rows    []map[string]string
}

// functions are Docker's template functions.
var functions = template.FuncMap{
	"json": func(v any) (string, error) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		err := e.Encode(v)
		return strings.TrimSpace(b.String()), err
	},
	"split": strings.Split, "join": strings.Join, "lower": strings.ToLower, "upper": strings.ToUpper,
	"title": func(s string) string { return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):] },
	"pad": func(s string, before, after int) string {
		return strings.Repeat(" ", before) + s + strings.Repeat(" ", after)
	},
	"truncate": func(s string, n int) string {
		return s[:min(n, len(s))]
	},
	"println": fmt.Sprintln,
}

// parseTemplate reads what stands behind --format.
func parseTemplate(text string) (*template.Template, error) {
	text = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(text)
	t, err := template.New("--format").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("template parsing error: %w", err)
	}
	return t, nil
}

// print prints the table; format is --format's, or "".
func (t *table) print(w io.Writer, format string) error {
	if format == "" || format == "table" {
		format = t.format
	}
	if format == "json" {
		format = "{{json .}}"
	}
	body, isTable := strings.CutPrefix(format, "table ")
	tmpl, err := parseTemplate(body)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if isTable {
		names := map[string]string{}
		for _, h := range t.headers {
			name, header, _ := strings.Cut(h, "=")
			names[name] = header
		}
		if err := tmpl.Execute(&b, names); err != nil {
			return fmt.Errorf("template parsing error: %w", err)
		}
		b.WriteByte('\n')
	}
	for _, row := range t.rows {
		if err := tmpl.Execute(&b, row); err != nil {
			return fmt.Errorf("template parsing error: %w", err)
		}
		b.WriteByte('\n')
	}
	if !isTable {
		_, err = w.Write(b.Bytes())
		return err
	}
	tabs := tabwriter.NewWriter(w, 10, 1, 3, ' ', 0)
	tabs.Write(b.Bytes())
	return tabs.Flush()
}

// printJSON prints what `inspect` prints: a list, or by --format each of its elements.
func printJSON(list []any, format string) error {
	if format == "" || format == "json" {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if format == "" {
			e.SetIndent("", "    ")
		}
		if list == nil {
			list = []any{}
		}
		if err := e.Encode(list); err != nil {
			return err
		}
		_, err := os.Stdout.Write(b.Bytes())
		return err
	}
	t, err := parseTemplate(format)
	if err != nil {
		return err
	}
	for _, v := range list {
		var b bytes.Buffer
		if err := t.Execute(&b, v); err != nil {
			// Fields that only JSON has a name for are found in what it makes of it.
			data, _ := json.Marshal(v)
			var plain any
			json.Unmarshal(data, &plain)
			b.Reset()
			if t.Execute(&b, plain) != nil {
				return fmt.Errorf("template parsing error: %w", err)
			}
		}
		fmt.Println(b.String())
	}
	return nil
}

// humanSize says how many bytes as Docker does: 1.24MB, powers of 1000.
func humanSize(n int64) string {
	f := float64(n)
	for _, unit := range []string{"B", "kB", "MB", "GB", "TB"} {
		if f < 1000 {
			return fmt.Sprintf("%.3g%s", f, unit)
		}
		f /= 1000
	}
	return fmt.Sprintf("%.3gPB", f)
}

func formatTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -0700 MST") }

// short returns the beginning of an ID.
func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}
