package guide

import "fmt"

// SameBlocks compares the console blocks of a guide in two languages: their words, commands, output lines and exit
// codes. The error tells the first difference, with its place in both files.
func SameBlocks(a, b *Guide) error {
	for i := 0; i < len(a.Blocks) || i < len(b.Blocks); i++ {
		if i >= len(a.Blocks) {
			return SameBlocks(b, a)
		}
		if i >= len(b.Blocks) {
			return fmt.Errorf("%s:%d: this console block is missing in %s", a.File, a.Blocks[i].Number, b.File)
		}
		if err := differ(a.File, b.File, a.Blocks[i].rows(), b.Blocks[i].rows()); err != nil {
			return err
		}
	}
	return nil
}

// row is a line of a block, as it is compared.
type row struct {
	number int
	text   string
}

// rows writes a block in one normal form.
func (b *Block) rows() []row {
	rows := []row{{b.Number, fmt.Sprint("console ", b.Needs, " slow=", b.Limit, " columns=", b.columns)}}
	for _, c := range b.Commands {
		rows = append(rows, row{c.Number, c.Prompt + c.Text})
		for _, l := range c.Output {
			rows = append(rows, row{l.Number, l.Text})
		}
		if c.Exit != 0 {
			rows = append(rows, row{c.last, fmt.Sprintf("[exit %d]", c.Exit)})
		}
	}
	return rows
}

func differ(fileA, fileB string, a, b []row) error {
	for i := 0; i < len(a) || i < len(b); i++ {
		switch {
		case i >= len(a):
			return fmt.Errorf("%s:%d: %q is missing in the same block at %s:%d", fileB, b[i].number, b[i].text, fileA, a[0].number)
		case i >= len(b):
			return fmt.Errorf("%s:%d: %q is missing in the same block at %s:%d", fileA, a[i].number, a[i].text, fileB, b[0].number)
		case a[i].text != b[i].text:
			return fmt.Errorf("the languages differ:\n%s:%d: %q\n%s:%d: %q", fileA, a[i].number, a[i].text, fileB, b[i].number, b[i].text)
		}
	}
	return nil
}
