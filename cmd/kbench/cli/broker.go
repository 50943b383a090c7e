package cli

import (
	"github.com/spf13/cobra"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
)

func (a *app) brokerCommand() *cobra.Command {
	var (
		broker     brokerFlags
		supervised bool
	)
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Start a broker in the foreground and print its address, for other tools to use",
		Long: `Starts a broker, prints what it is and its address, and keeps it running until
Ctrl-C or SIGTERM. The address goes to --brokers, or to any other tool.

A node that dies is told of, and the others go on; the exit code is then 1.`,
		Example: `  kbench broker
  kbench broker --broker kafka --nodes 3 --kafka-version 4.1.0`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := broker.options(cmd)
			if err != nil {
				return usage(err)
			}
			o.Log = a.errOut
			ctx, ended := a.inOrder(cmd.Context())
			defer ended()
			err = cluster.Serve(ctx, o, a.in, a.raw, supervised)
			if err == nil && ctx.Err() != nil && supervised {
				return conduct.ErrInterrupted
			}
			return err
		},
	}
	broker.add(cmd)
	cmd.Flags().BoolVar(&supervised, "supervised", false, "")
	_ = cmd.Flags().MarkHidden("supervised") // fails only for a flag that does not exist
	return cmd
}
