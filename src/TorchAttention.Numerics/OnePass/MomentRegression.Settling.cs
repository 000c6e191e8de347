using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass;

/// <content>Rows that are read a second time, where moments leave something open.</content>
public sealed partial class MomentRegression
{
    private readonly MomentOptions _options;
    private IReadOnlyCollection<OpenPlace> _open = [];

    private MomentRegression(MomentRegression before, SecondPass rows)
    {
        (_options, _threads, Degree, Classes) = (before._options, before._threads, before.Degree, before.Classes);
        (LeastX, MostX, MeansY, _totals, Count) = (before.LeastX, before.MostX, before.MeansY, before._totals, before.Count);
        IReadOnlyDictionary<long, KeptRow[]>[] again = [.. before._all.Again.Select((known, column) =>
        {
            var all = new Dictionary<long, KeptRow[]>(known);
            foreach ((long cell, KeptRow[] own) in rows.ByCell(column))
            {
                all[cell] = own;
            }

            return all;
        })];
        _all = before._all.With(again);
        _near = before._near == before._all ? _all : before._near.With(again);
        Bandwidth = double.NaN;
        Diagnostics = null!;
        Certificate = null!;
    }

    /// <summary>
    /// Asks for the rows that, read a second time, settle what the certificate leaves open: rows that stand alone, and cells of which
    /// nothing is proved.
    /// </summary>
    /// <returns>
    /// What takes these rows, to be given to <see cref="Settle"/>. Null where nothing is open, and where all that is open needs so many
    /// rows that it is better fitted in memory. Null too for a bandwidth found by folds.
    /// </returns>
    public SecondPass? StartSecondPass() =>
        _options.Bandwidth.Rule == BandwidthRule.KFold ? null : SecondPass.Create(_all.AtHand[0], _all.AtHand.Length, [.. Classes], _open);

    /// <summary>The fit with rows that were read a second time; the bandwidth is looked for again with them.</summary>
    /// <param name="rows">The rows that <see cref="StartSecondPass"/> asks for.</param>
    /// <param name="progress">Told the part of the search done, roughly, from 0 to 1.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <returns>A model; at another bandwidth other rows may be open, which a third pass settles.</returns>
    /// <exception cref="RegressionDataException">They are not the rows that the moments are of.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public MomentRegression Settle(
        SecondPass rows, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var settled = new MomentRegression(this, rows);
        settled.Fit(null, progress, cancellationToken);
        return settled;
    }
}
