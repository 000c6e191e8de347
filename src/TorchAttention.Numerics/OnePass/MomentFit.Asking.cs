using System.Collections.Concurrent;

namespace TorchAttention.Numerics.OnePass;

/// <content>Rows whose error nothing is proved of, and which rows would settle it.</content>
internal sealed partial class MomentFit
{
    private readonly ConcurrentBag<OpenPlace> _open = [];

    /// <summary>What the last score left open, where bounds were asked for.</summary>
    public IReadOnlyCollection<OpenPlace> Open => _open;

    // A row by itself, as it was looked for.
    private void AskFor(NearRows near)
    {
        if (_isCertified)
        {
            _open.Add(new OpenPlace(near.First, near.Last, 1));
        }
    }

    // A cell's own rows; where lines are not known, those of all cells that count at one of its ends.
    private void AskFor(int cell, Scratch scratch)
    {
        if (!_isCertified)
        {
            return;
        }

        (int first, int end) = _atHand.PlacesOf(_level, _level.Ids[cell], _level.Ids[cell] + 1);
        int last = end - 1;
        if (_degree > 0 && !scratch.AreLinesKnown)
        {
            (double least, double most) = _level.Ends(cell);
            foreach (double x in (ReadOnlySpan<double>)[least, most])
            {
                _ = scratch.Near.Gather(_atHand, new KeptRow(x, double.NaN, 1), _sums.Bandwidth, _degree);
                (first, last) = (Math.Min(first, scratch.Near.First), Math.Max(last, scratch.Near.Last));
            }
        }

        _open.Add(new OpenPlace(first, last, _level.Counts[cell]));
    }
}

/// <summary>Rows of which nothing is proved, and where the rows lie that say all that there is to say of them.</summary>
/// <param name="First">The place of the first of the narrowest cells.</param>
/// <param name="Last">That of the last.</param>
/// <param name="Rows">How many of them there are.</param>
internal readonly record struct OpenPlace(int First, int Last, double Rows);
