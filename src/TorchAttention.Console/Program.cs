using TorchAttention;
using TorchAttention.Cli;
using TorchAttention.Cli.Commands;
using TorchAttention.Cli.Entry;
using TorchAttention.Cli.Training;
using TorchAttention.Server;

Dictionary<string, Func<Command>> commands = new()
{
    ["train"] = TrainCommand.Create,
    ["exercise"] = ExerciseCommand.Create,
    ["info"] = InfoCommand.Create,
    ["serve"] = () => ServeCommand.Create(new TrainedModels(), new Clusters()),
    ["cluster"] = ClusterCommand.Create,
};
const string purpose = "Attention pooling and kernel regression: the d2l.ai chapter on its own data or on yours.";
const string drawn = """
    nonlinear  2 sin(x) + x^0.8 + noise on [0, 5), drawn for a seed
               as many rows as --n says; source: d2l.ai, "Attention Pooling"
    """;
IEnumerable<KeyValuePair<string, Func<Command>>> all = commands.Concat(CommandLine.OfFits(new TrainedModels(), drawn, new Clusters()));
return new CommandLine("torchattention", purpose, all.ToDictionary(), Explain).Run(args);

static CliException? Explain(Exception e) => e is LibTorchNotLoadedException ? CliException.Failed(e.Message, e) : null;
