using System.Runtime.InteropServices;
using TorchAttention.Server.Guards;
using TorchAttention.Server.Models;

namespace TorchAttention.Server;

/// <summary>Serves models over HTTP until it is stopped.</summary>
internal static class ServeCommand
{
    private const int MostPort = 65535;

    /// <param name="trained">Models that fit does not save; null for none.</param>
    public static Command Create(ITrainedModels? trained)
    {
        var model = new Option<string>("--model")
        {
            Description = "The models that fit, condense or train saved, separated by commas; each has its file's name without ending",
            HelpName = "files",
            Required = true,
        };
        Option<int?> port = Options.WholeNumber("--port", "The port; 0 for a free one, which is printed (default 8080)", 0);
        var command = new Command("serve", "Serve saved models over HTTP: predictions for programs, in CSV and JSON") { model, port };
        command.AddAll(trained?.Options ?? []);
        command.SetAction(parsed =>
        {
            var settings = new ServerSettings { Port = Port(parsed.GetValue(port)) };
            var models = new ModelStore(
                [.. parsed.GetValue(model)!.Split(',').Select(path => path.Trim())],
                (path, file) => trained?.IsKnown(file) == true ? trained.Load(path, file, parsed) : null);
            return RunAsync(new ServerApp(settings, models, line => Console.Error.WriteLine(line))).GetAwaiter().GetResult();
        });
        return command;
    }

    private static int Port(int? port) => port is null ? new ServerSettings().Port
        : port <= MostPort ? port.Value
        : throw CliException.WrongInput($"--port: expected a whole number from 0 to {MostPort}, got {port}");

    private static async Task<int> RunAsync(ServerApp server)
    {
        await using ServerApp app = server;
        using var ends = new CancellationTokenSource();
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        PosixSignalRegistration[] registrations = Array.ConvertAll(signals, signal => PosixSignalRegistration.Create(signal, Stop));
        await app.StartAsync();
        Console.WriteLine($"listening on {app.Url}");
        await stop.Task;
        await app.StopAsync(ends.Token);
        Array.ForEach(registrations, registration => registration.Dispose());
        return ExitCode.Done;

        // The first ends it when what is begun is done, the second at once.
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            if (!stop.TrySetResult())
            {
                ends.Cancel();
            }
        }
    }
}
