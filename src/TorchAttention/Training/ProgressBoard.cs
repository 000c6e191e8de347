namespace TorchAttention.Training;

/// <summary>A point of a progress board's line.</summary>
/// <param name="Label">The line.</param>
/// <param name="X">Where, in epochs.</param>
/// <param name="Y">The value.</param>
public readonly record struct BoardPoint(string Label, double X, double Y);

/// <summary>Collects lines of points while a model trains, each point the mean of a few: the book's <c>ProgressBoard</c>.</summary>
/// <remarks>
/// It knows no screen: who shows the lines listens to <see cref="PointDrawn"/>, or reads <see cref="Line"/> when all is done.
/// </remarks>
public sealed class ProgressBoard
{
    private readonly Dictionary<string, List<BoardPoint>> _waiting = [];
    private readonly Dictionary<string, List<BoardPoint>> _lines = [];

    /// <summary>Whether points are taken; where not, <see cref="Draw"/> does nothing.</summary>
    public bool Display { get; init; } = true;

    /// <summary>Raised for each point that joins a line.</summary>
    public event EventHandler<BoardPoint>? PointDrawn;

    /// <summary>The lines' labels.</summary>
    public IReadOnlyCollection<string> Labels => [.. _lines.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The points of one line, in the order they were drawn.</summary>
    /// <param name="label">The line.</param>
    /// <returns>The points; none for a label never drawn.</returns>
    public IReadOnlyList<BoardPoint> Line(string label) => _lines.TryGetValue(label, out List<BoardPoint>? line) ? line : [];

    /// <summary>Takes a point; every n-th call for a label adds one to its line, the mean of those n.</summary>
    /// <param name="x">Where.</param>
    /// <param name="y">The value.</param>
    /// <param name="label">The line.</param>
    /// <param name="everyN">Points to average, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">n is below 1.</exception>
    public void Draw(double x, double y, string label, int everyN = 1)
    {
        ArgumentNullException.ThrowIfNull(label);
        Guard.AtLeast(everyN, 1);
        if (!Display)
        {
            return;
        }

        List<BoardPoint> waiting = ListOf(_waiting, label);
        waiting.Add(new BoardPoint(label, x, y));
        if (waiting.Count < everyN)
        {
            return;
        }

        var mean = new BoardPoint(label, waiting.Average(point => point.X), waiting.Average(point => point.Y));
        waiting.Clear();
        ListOf(_lines, label).Add(mean);
        PointDrawn?.Invoke(this, mean);
    }

    /// <summary>
    /// Draws the training and the validation loss of a trainer over its epochs, as lines <c>train_loss</c> and <c>val_loss</c>.
    /// </summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="trainPointsPerEpoch">Points of the training loss in an epoch, at least 1.</param>
    /// <param name="valPointsPerEpoch">Points of the validation loss in an epoch, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number of points is below 1.</exception>
    public void Watch(Trainer trainer, int trainPointsPerEpoch = 2, int valPointsPerEpoch = 1)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        Guard.AtLeast(trainPointsPerEpoch, 1);
        Guard.AtLeast(valPointsPerEpoch, 1);
        trainer.StepCompleted += (_, e) =>
            Draw((e.Step - 1.0) / e.BatchCount, e.Loss, "train_loss", Math.Max(1, e.BatchCount / trainPointsPerEpoch));
        if (valPointsPerEpoch == 1)
        {
            // The mean over examples: batches of different lengths count by theirs.
            trainer.EpochCompleted += (_, e) => Draw(e.Epoch, e.ValLoss, "val_loss");
            return;
        }

        trainer.ValidationCompleted += (_, e) =>
            Draw(e.Epoch, e.Loss, "val_loss", Math.Max(1, e.BatchCount / valPointsPerEpoch));
    }

    private static List<BoardPoint> ListOf(Dictionary<string, List<BoardPoint>> lists, string label) =>
        lists.TryGetValue(label, out List<BoardPoint>? list) ? list : lists[label] = [];
}
