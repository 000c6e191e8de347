using TorchAttention.Numerics.Sharding;
using TorchAttention.Server.Guards;
using TorchAttention.Server.Metrics;
using TorchAttention.Server.Models;

namespace TorchAttention.Server;

/// <summary>Serves models over HTTP until it is stopped.</summary>
internal static class ServeCommand
{
    /// <param name="trained">Models that fit does not save; null for none.</param>
    /// <param name="clusters">Clusters that shards are served in; null for none.</param>
    public static Command Create(ITrainedModels? trained, IShardClusters? clusters = null)
    {
        var options = new ServerOptions();
        Option<string?> model = Options.Text(
            "--model", "files",
            "The models that fit, condense or train saved, separated by commas; each has its file's name without ending");
        var examples = new ExamplesOptions(hasCategories: false);
        var fit = new FitOptions();
        const string purpose = "Serve saved models, or a fit to data, over HTTP: predictions in CSV and JSON, and a page on which it moves";
        var command = new Command("serve", purpose) { model };
        command.AddAll(options.All);
        Option<string?> shards = Options.Text("--shards", "file", "Instead of models, rows that shard dealt to files: their manifest.json");
        Option[] ofCluster = clusters is null ? [] : [shards, clusters.Option, .. clusters.PeerOptions, .. clusters.MemberOptions];
        command.AddAll(ofCluster);
        command.AddAll(trained?.Options ?? []);
        examples.AddTo(command);
        fit.AddTo(command);
        var telemetry = new TelemetryOptions();
        Option<string?> config = Options.Text(
            "--config", "file", $"What options say, as JSON by their keys (default {Settings.UsualFile}, where it is there)");
        command.AddAll(telemetry.Option, config);
        Option[] anywhere = [.. options.All, telemetry.Option, config];
        Settings elsewhere = SettingsOf(command, clusters, shards, ofCluster, telemetry.Option, config);
        command.SetAction(asked =>
        {
            string? file = asked.GetValue(config);
            return elsewhere.Run(
                asked, file, (all, option) => anywhere.Contains(option) || ofCluster.Contains(option) == IsClusterMeant(asked, all),
                parsed => Run(parsed, file));
        });
        return command;

        int Run(ParseResult parsed, string? file)
        {
            using IDisposable? sent = telemetry.Start(parsed);
            IEnumerable<Option> given = command.Options.Where(option => parsed.GetResult(option) is { Implicit: false });
            if (clusters is not null && parsed.GetValue(clusters.Option) is string cluster)
            {
                return Serve(clusters, cluster, parsed.GetValue(shards), parsed, options, file, given.Except(ofCluster).Except(anywhere));
            }

            if (given.FirstOrDefault(ofCluster.Contains) is Option alone)
            {
                throw CliException.WrongInput($"{alone.Name}: expected {clusters!.Option.Name} beside it, got none");
            }

            ServerSettings settings = options.Read(parsed) with { SettingsFile = file };
            string? data = examples.Names(parsed).Data;
            if (data is null == parsed.GetValue(model) is null)
            {
                throw CliException.WrongInput($"serve: expected either --model or --data, got {(data is null ? "neither" : "both")}");
            }

            using FittedData? fitted = data is null ? null : FittedData.Create(examples.Read(parsed), read => fit.ReadFor(parsed, read));
            string[] paths = fitted is null ? [.. parsed.GetValue(model)!.Split(',').Select(path => path.Trim())] : [fitted.Path];
            var models = new ModelStore(
                paths, (path, file) => trained?.IsKnown(file) == true ? trained.Load(path, file, parsed) : null);
            using var stop = new StopSignals();
            return RunAsync(
                new ServerApp(settings, models, line => Console.Error.WriteLine(line), data), stop, "open it in a browser")
                .GetAwaiter().GetResult();
        }

        // What the command line says is to be served goes before what is said elsewhere.
        bool IsClusterMeant(ParseResult asked, IReadOnlyCollection<Option> all)
        {
            bool isOnTheLine(Option option) => asked.GetResult(option) is { Implicit: false };
            return clusters is not null && (isOnTheLine(clusters.Option) || isOnTheLine(shards)
                || (all.Contains(clusters.Option) && !isOnTheLine(model) && examples.Names(asked).Data is null));
        }
    }

    // A cluster's options have keys of their own; others are called as they are.
    private static Settings SettingsOf(
        Command command, IShardClusters? clusters, Option shards, Option[] ofCluster, Option telemetry, Option config)
    {
        var keys = new Dictionary<string, Option>(clusters?.Keys ?? new Dictionary<string, Option>())
        {
            ["Telemetry:Endpoint"] = telemetry,
        };
        foreach (Option option in command.Options.Except(keys.Values).Where(option => option != config).ToArray())
        {
            keys.Add(Settings.KeyOf(option == shards || ofCluster.Contains(option) ? "Cluster" : "Serve", option), option);
        }

        return new Settings(keys, "Kestrel", "Logging", "AllowedHosts");
    }

    private static int Serve(
        IShardClusters clusters, string cluster, string? shards, ParseResult parsed, ServerOptions options, string? file,
        IEnumerable<Option> others)
    {
        if (others.FirstOrDefault() is Option other)
        {
            throw CliException.WrongInput($"{other.Name}: expected none beside {clusters.Option.Name}, which serves shards to predict");
        }

        string path = shards ?? throw CliException.WrongInput($"{clusters.Option.Name}: expected --shards beside it, got none");
        ServerSettings? settings = options.IsPortGiven(parsed) ? options.Read(parsed) with { SettingsFile = file } : null;
        if (settings is null && options.All.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is Option alone)
        {
            throw CliException.WrongInput($"{alone.Name}: expected --port beside it, without which a member does not answer over HTTP");
        }

        return JoinAsync(clusters, cluster, path, parsed, settings).GetAwaiter().GetResult();
    }

    private static async Task<int> JoinAsync(
        IShardClusters clusters, string cluster, string path, ParseResult parsed, ServerSettings? settings)
    {
        var stamp = FileStamp.Read(path);
        var manifest = ShardManifest.Load(path);
        ModelNotes? names = settings is null ? null : ShardModel.NamesOf(path, manifest);
        using var stop = new StopSignals();

        // A member takes its leave of the others, for long where their store has gone.
        using CancellationTokenRegistration atOnce = stop.AtOnce.Register(() => Environment.Exit(ExitCode.Interrupted));
        await using IShardMember member = await clusters.JoinAsync(cluster, manifest, parsed);
        if (settings is null || names is null)
        {
            Console.WriteLine(member.Description);
            await stop.Asked;
            return ExitCode.Done;
        }

        static void Log(string line) => Console.Error.WriteLine(line);
        var model = new ServedModel(new ShardModel(names, new ServedShards(member, Log)), stamp);
        return await RunAsync(
            new ServerApp(settings, ModelStore.OfShards(ServedShards.Name, model), Log, path), stop, member.Description);
    }

    private static async Task<int> RunAsync(ServerApp server, StopSignals stop, string note)
    {
        await using ServerApp app = server;
        await app.StartAsync();
        Console.WriteLine($"listening on {app.Url} ({note})");
        await stop.Asked;
        await app.StopAsync(stop.AtOnce);
        return stop.AtOnce.IsCancellationRequested ? ExitCode.Interrupted : ExitCode.Done;
    }
}
