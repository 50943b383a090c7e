package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/launch"
)

func (a *app) cleanCommand() *cobra.Command {
	var broker brokerFlags
	var dry bool
	cmd := &cobra.Command{
		Use:   "clean --brokers host:port",
		Short: "Remove the topics and groups that a killed run left on a cluster",
		Long: `Removes topics and groups whose names start with "kbench-" from an existing
cluster. Nothing else is touched. Do not use it while a run is under way there.`,
		Example: `  kbench clean --brokers kafka-1:9092 --dry-run   what would be removed
  kbench clean --brokers kafka-1:9092`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(broker.Brokers) == 0 {
				return usagef("kbench clean: say which cluster: --brokers host:port")
			}
			o, err := broker.options(cmd)
			if err != nil {
				return usage(err)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			c, err := cluster.Start(ctx, o, launch.Local{}, append(append([]string{}, a.self...), "broker"))
			if err != nil {
				return err
			}
			defer func() { _ = c.Stop(ctx) }()
			topics, groups, err := c.Leftovers(ctx)
			if err != nil {
				return err
			}
			verb := "removed"
			if dry {
				verb = "would remove"
			}
			remove := func(kind string, names []string, from func(context.Context, string) error) error {
				for _, name := range names {
					if !dry {
						if err := from(ctx, name); err != nil {
							return fmt.Errorf("%s %s: %w", kind, name, err)
						}
					}
					fmt.Fprintf(a.out, "%s %s %s\n", verb, kind, name)
				}
				return nil
			}
			if err := remove("group", groups, c.DeleteGroup); err != nil {
				return err
			}
			if err := remove("topic", topics, c.DeleteTopic); err != nil {
				return err
			}
			if len(topics)+len(groups) == 0 {
				fmt.Fprintln(a.out, "nothing to remove")
			}
			return nil
		},
	}
	broker.addAttached(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be removed")
	return cmd
}
