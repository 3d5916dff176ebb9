package cli

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/image"
)

func historyCommand(a *app) *cobra.Command {
	var quiet, noTrunc, human bool
	var format string
	c := &cobra.Command{Use: "history [OPTIONS] IMAGE", Short: "Show the history of an image", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			img, err := s.Images.Find(args[0])
			if err != nil {
				return err
			}
			t := &table{format: "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}", headers: []string{"ID=IMAGE",
				"CreatedSince=CREATED", "CreatedAt=CREATED AT", "CreatedBy=CREATED BY", "Size=SIZE", "Comment=COMMENT"}}
			if !human {
				t.format = strings.Replace(t.format, "CreatedSince", "CreatedAt", 1)
			}
			if quiet {
				t.format = "{{.ID}}"
			}
			chain, next := img.Chain(), 0
			for i, h := range img.Config.History {
				var size int64
				if !h.EmptyLayer && next < len(chain) {
					size = s.Images.LayerSize(image.LayerName(chain[next]))
					next++
				}
				id, by := "<missing>", h.CreatedBy
				if i == len(img.Config.History)-1 {
					if id = short(string(img.ID)); noTrunc {
						id = string(img.ID)
					}
				}
				if letters := []rune(by); len(letters) > 45 && !noTrunc {
					by = string(letters[:44]) + "…"
				}
				since, at := "N/A", ""
				if h.Created != nil {
					since, at = container.HumanDuration(time.Since(*h.Created))+" ago", h.Created.Format(time.RFC3339)
				}
				text := humanSize(size)
				if !human {
					text = strconv.FormatInt(size, 10)
				}
				row := map[string]string{"ID": id, "CreatedSince": since, "CreatedAt": at, "CreatedBy": by, "Size": text, "Comment": h.Comment}
				t.rows = append([]map[string]string{row}, t.rows...)
			}
			return t.print(os.Stdout, format)
		}}
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "Only show image IDs")
	c.Flags().BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	c.Flags().BoolVarP(&human, "human", "H", true, "Print sizes and dates in human readable format")
	c.Flags().StringVar(&format, "format", "", "Format output using a custom template")
	return c
}
