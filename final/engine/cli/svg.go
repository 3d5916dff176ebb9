package cli

import (
	"fmt"
	"strings"
)

// svg draws the picture as Scalable Vector Graphics: a box for each part, in letters of one width, so that trees stay trees.
func (p *picture) svg() string {
	const (
		letter, line = 7.3, 18 // the size of a letter, in pixels
		margin, gap  = 14, 10
	)
	columns := len([]rune(p.title))
	for _, b := range p.boxes {
		columns = max(columns, len([]rune(b.title+b.lab))+4)
		for _, l := range b.lines {
			columns = max(columns, len([]rune(l)))
		}
	}
	width := int(float64(columns)*letter) + 4*margin
	var body strings.Builder
	y := margin + line
	write := func(x, y int, class, text string) {
		fmt.Fprintf(&body, `<text x="%d" y="%d" class="%s" xml:space="preserve">%s</text>`+"\n", x, y, class, escape(text))
	}
	write(margin, y, "name", p.title)
	y += gap
	for i, b := range p.boxes {
		height := line*(len(b.lines)+1) + gap
		fmt.Fprintf(&body, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" class="box c%d"/>`+"\n", margin, y, width-2*margin, height, i%6)
		write(2*margin, y+line, "head", b.title)
		fmt.Fprintf(&body, `<text x="%d" y="%d" class="lab" text-anchor="end">%s</text>`+"\n", width-2*margin, y+line, escape(b.lab))
		for n, text := range b.lines {
			write(2*margin, y+line*(n+2), "line", text)
		}
		y += height + gap
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">
<title>%s</title>
<style>
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1b2733 }
.name { font-weight: bold; font-size: 13px } .head { font-weight: bold } .lab { fill: #5b6b7a }
.box { stroke: #8aa0b4; fill: #f4f8fb } .c1 { fill: #fbf6ec } .c2 { fill: #eef8f0 } .c3 { fill: #fbeeee } .c4 { fill: #f3effa } .c5 { fill: #eef6fa }
</style>
<rect width="100%%" height="100%%" fill="#ffffff"/>
%s</svg>
`, width, y+margin-gap, escape(p.title), body.String())
}

// escape makes text safe in XML: names of processes and images are strangers'. (encoding/xml can do so, too; it would be a part of
// every start of jocker.)
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}
