using Spectre.Console;

namespace TorchAttention.Cli.Output;

/// <summary>A bar on standard error while something takes long; nothing where nobody watches.</summary>
internal static class ProgressBar
{
    public static T Show<T>(string description, bool isQuiet, Func<IProgress<double>?, T> work)
    {
        if (isQuiet || Console.IsErrorRedirected)
        {
            return work(null);
        }

        var name = new TaskDescriptionColumn { Alignment = Justify.Left };
        return Terminal.OnError().Progress().AutoClear(true)
            .Columns([name, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()])
            .Start(context =>
            {
                ProgressTask task = context.AddTask(description, maxValue: 1);
                return work(new Told(part => task.Value = part));
            });
    }

    private sealed class Told(Action<double> told) : IProgress<double>
    {
        public void Report(double value) => told(value);
    }
}
