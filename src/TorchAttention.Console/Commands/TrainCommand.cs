using System.CommandLine.Parsing;
using TorchAttention.Cli.Training;

namespace TorchAttention.Cli.Commands;

/// <summary>The command line of <c>train</c>.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        Command command = TrainLine.NewCommand();
        command.Add(Options.DataAlone());
        var cluster = new TrainingClusterOptions();
        command.AddAll(cluster.Options);
        command.SetAction(parsed =>
        {
            string[] ofCluster = [.. cluster.Options.Where(option => !option.Hidden).Select(option => option.Name)];
            TrainOptions options = new TrainOptions(new TrainLine(parsed)) with
            {
                Arguments = [.. TrainLine.Without(TrainLine.Arguments(parsed), ofCluster)],
            };
            options = options.Resume is string directory ? GoOn(parsed, options, directory, ofCluster) : options;
            options = options with { Cluster = cluster.Read(parsed) };
            if (options.Live is not null && (options.Sweep.Count > 0 || options.Seeds is > 1))
            {
                throw CliException.WrongInput($"{TrainOptions.LiveName}: expected one training, got several");
            }

            if (options.Cluster is not null && (options.Sweep.Count > 0 || options.Seeds is > 1))
            {
                throw CliException.WrongInput($"{TrainingCluster.Name}: expected one training, got several");
            }

            if (options.Sweep.Count > 0)
            {
                return SweepJob.Run(options);
            }

            options.Check();
            return options.Seeds is > 1 ? SeedsJob.Run(options) : TrainJob.Run(options);
        });
        return command;
    }

    private static TrainOptions GoOn(ParseResult parsed, TrainOptions now, string directory, string[] ofCluster)
    {
        string[] given = [.. parsed.Tokens.Where(token => token.Type == TokenType.Option).Select(token => token.Value)];
        string[] changeable = [.. now.Line.Changeable, .. ofCluster];
        if (given.FirstOrDefault(option => option != TrainOptions.ResumeName && !changeable.Contains(option)) is string other)
        {
            throw CliException.WrongInput(
                $"{other} cannot be given with {TrainOptions.ResumeName}: the run has its own; "
                    + $"only {string.Join(", ", changeable)} can change");
        }

        TrainOptions then = RunConfig.Read(directory, parsed) with { Resume = directory, Out = directory };
        const string epochs = TrainOptions.EpochsName;
        return !given.Contains(epochs) ? then : then with
        {
            Arguments = [.. TrainLine.Without(then.Arguments, epochs), epochs, now.Epochs.ToString(CultureInfo.InvariantCulture)],
        };
    }
}
