using System.Diagnostics;
using Spectre.Console;
using Spectre.Console.Rendering;
using TorchAttention.Cli.Output;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>
/// Shows a training while it runs: a bar, the curves of both losses, what is learned, speed and time left in a terminal, a line for each
/// epoch elsewhere.
/// </summary>
internal sealed class TrainView(Trainer trainer, ProgressBoard board, ILearnedNumbers model, Units units, TrainOptions options)
{
    // A log of a long training should say how it went, not repeat epochs.csv.
    private const int MostLines = 100;
    private const int MostNumbers = 8;
    private const int ChartHeight = 8;
    private const int MostWidth = 100;
    private const int MostPoints = 400;
    private const double SecondsBetweenViews = 0.1;

    private readonly Stopwatch _clock = new();
    private long _shown;
    private int _firstStep;
    private StepCompleted _step;

    public void Show(Action fit)
    {
        if (options.IsSilent)
        {
            fit();
        }
        else if (Console.IsOutputRedirected || !Terminal.Output.Profile.Capabilities.Interactive)
        {
            trainer.EpochCompleted += (_, e) => PrintLine(e);
            fit();
        }
        else
        {
            ShowLive(fit);
        }
    }

    private void PrintLine(EpochCompleted e)
    {
        int every = (e.MaxEpochs + MostLines - 1) / MostLines;
        if (e.Epoch % every == 0 || e.Epoch == 1 || e.Epoch == e.MaxEpochs)
        {
            Console.WriteLine(
                $"epoch {e.Epoch}/{e.MaxEpochs}  train loss {units.Loss(e.TrainLoss):G6}  "
                    + $"validation loss {units.Loss(e.ValLoss):G6}{Numbers("G6")}");
        }
    }

    private void ShowLive(Action fit)
    {
        Terminal.Output.Live(new Text("")).Start(context =>
        {
            _clock.Start();
            trainer.StepCompleted += (_, e) =>
            {
                _step = e;
                _firstStep = _firstStep == 0 ? e.Step : _firstStep;
                if (Stopwatch.GetElapsedTime(_shown).TotalSeconds >= SecondsBetweenViews)
                {
                    context.UpdateTarget(View());
                    context.Refresh();
                    _shown = Stopwatch.GetTimestamp();
                }
            };
            try
            {
                fit();
            }
            finally
            {
                context.UpdateTarget(View());
                context.Refresh();
            }
        });
    }

    private IRenderable View()
    {
        if (_step.Step == 0)
        {
            return new Text("");
        }

        int width = Math.Min(MostWidth, Terminal.Output.Profile.Width - 1);
        double part = Math.Min(1, _step.Step / ((double)_step.BatchCount * options.Epochs));
        double perSecond = (_step.Step - _firstStep + 1) / _clock.Elapsed.TotalSeconds;
        double left = (((double)_step.BatchCount * options.Epochs) - _step.Step) / perSecond;
        int bar = Math.Max(10, width / 3);
        int full = (int)Math.Round(part * bar);
        string head = $"epoch {_step.Epoch}/{options.Epochs} [green]{new string('━', full)}[/][grey]{new string('━', bar - full)}[/] "
            + $"{part:P0}  {perSecond:F0} steps/s  {Time(left)} left";
        (string Color, IReadOnlyList<(double X, double Y)> Points)[] lines =
            [("blue", Points("train_loss")), ("green", Points("val_loss"))];
        string legend = $"[blue]train loss[/] {Latest("train_loss")}  [green]validation loss[/] {Latest("val_loss")}  "
            + $"lr {Short(_step.LearningRate)}  gradient {Short(_step.GradientNorm)}";
        return new Rows(
            new Markup(head),
            BrailleChart.Render(lines, width, ChartHeight, Short),
            new Markup(legend),
            new Text(Numbers("G5").TrimStart()));
    }

    // Of a long training evenly spaced ones, the latest among them.
    private (double X, double Y)[] Points(string label)
    {
        IReadOnlyList<BoardPoint> line = board.Line(label);
        int count = Math.Min(line.Count, MostPoints);
        int place(int i) => count == line.Count ? i : (int)((long)(i + 1) * line.Count / count) - 1;
        return [.. Enumerable.Range(0, count).Select(i => line[place(i)]).Select(point => (point.X, units.Loss(point.Y)))];
    }

    private string Latest(string label) => board.Line(label) is [.., BoardPoint last] ? Short(units.Loss(last.Y)) : "";

    private static string Time(double seconds) =>
        TimeSpan.FromSeconds(Math.Min(seconds, 1e8)).ToString(
            seconds < 86_400 ? @"h\:mm\:ss" : @"d\ \d\a\y\s\ h\:mm\:ss", CultureInfo.InvariantCulture);

    private static string Short(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    private string Numbers(string format)
    {
        IReadOnlyList<(string Name, double Value)> numbers = model.LearnedNumbers();
        IEnumerable<string> shown =
            numbers.Select(number => $"  {number.Name} {number.Value.ToString(format, CultureInfo.InvariantCulture)}");
        int more = numbers.Count - MostNumbers;
        return string.Concat(shown.Take(MostNumbers)) + (more > 0 ? $"  and {more} more" : "");
    }
}
