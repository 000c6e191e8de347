using TorchAttention.Cli.Output;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Regression.Groups;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Server.Models;

/// <summary><c>GET /v1/models</c>: what the models are.</summary>
internal static class ModelList
{
    public static void Write(Utf8JsonWriter json, ModelStore models) => json.WriteObjects("models", models.All, one =>
    {
        json.WriteString("name", one.Name);
        json.WriteString("file_time", one.Model.Stamp.Time);
        json.WriteString("model", KindOf(one.Model));
        WriteColumns(json, one.Model);
        switch (one.Model)
        {
            case { Shards: { } shards }:
                Write(json, shards.Manifest);
                break;
            case { Fitted.Groups: { } groups }:
                Write(json, groups);
                break;
            case { Fitted.Model: { } model }:
                Write(json, model);
                break;
        }
    });

    private static void WriteColumns(Utf8JsonWriter json, ServedModel model)
    {
        QueryColumns columns = model.Columns;
        json.WriteObjects("features", Enumerable.Range(0, columns.Features.Length), j =>
        {
            json.WriteString("name", columns.Features[j]);
            json.WriteString("kind", Options.Name(columns.Kinds[j]));
            if (j < columns.Levels.Length && columns.Levels[j] is { } levels)
            {
                json.WriteStrings("levels", levels);
            }
        });
        if (columns.By is not null)
        {
            json.WriteString("by", columns.By);
        }

        if (model.Shards is { Names: var ofShards, Manifest: var manifest })
        {
            json.WriteStrings("targets", ofShards.TargetsOf(manifest.Columns));
        }
        else if (model.Fitted is { Model: var fitted, Names: var names })
        {
            json.WriteStrings("targets", fitted.Classes.Count > 0 ? [names.Target] : names.TargetsOf(fitted.Columns));
            json.WriteStrings("classes", fitted.Classes);
        }
    }

    private static void Write(Utf8JsonWriter json, ShardManifest manifest)
    {
        json.WriteNumber("n", manifest.Rows);
        json.WriteNumber("shards", manifest.Shards.Length);
        json.WriteString("manifest", manifest.Hash);
    }

    private static void Write(Utf8JsonWriter json, GroupedRegression groups)
    {
        json.WriteNumber("n", groups.Count);
        Write(json, groups[groups.Groups[0]].Options);
        json.WriteObjects("groups", groups.Groups, name =>
        {
            json.WriteString("name", name);
            json.WriteNumber("n", groups[name].Count);
            json.WriteNumbers("bandwidths", groups[name].Bandwidths);
        });
        json.WriteStrings("groups_without_curve", groups.WithoutCurve.Select(one => one.Name));
    }

    private static void Write(Utf8JsonWriter json, IPredictor model)
    {
        (long n, IEnumerable<double> bandwidths, KernelRegressionOptions? options) = model switch
        {
            KernelRegression rows => (rows.Count, rows.Bandwidths, rows.Options),
            MixedRegression mixed => (mixed.Count, mixed.Bandwidths, mixed.Options),
            CondensedCurve curve => (curve.Count, [curve.Bandwidth], null),
            CondensedCurves curves => (curves.Count, [curves.Curves[0].Bandwidth], null),
            CondensedSurface surface => (surface.Count, surface.Bandwidths, null),
            _ => (0L, (IEnumerable<double>)[], (KernelRegressionOptions?)null),
        };
        json.WriteNumber("n", n);
        json.WriteNumbers("bandwidths", bandwidths);
        if (options is not null)
        {
            Write(json, options);
        }
    }

    private static void Write(Utf8JsonWriter json, KernelRegressionOptions options)
    {
        json.WriteString("kernel", options.Kernel.Name);
        json.WriteNumber("degree", options.Degree);
    }

    private static string KindOf(ServedModel model) => model.Shards is not null ? "shards" : model.Fitted switch
    {
        null => "trained",
        { Groups: not null } => GroupedRegression.ModelName,
        { Model: KernelRegression } => KernelRegression.ModelName,
        { Model: MixedRegression } => MixedRegression.ModelName,
        { Model: CondensedCurve } => CondensedCurve.ModelName,
        { Model: CondensedCurves } => CondensedCurves.ModelName,
        _ => CondensedSurface.ModelName,
    };
}
