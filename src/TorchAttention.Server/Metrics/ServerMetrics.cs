using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;

namespace TorchAttention.Server.Metrics;

/// <summary>
/// <c>GET /metrics</c>: what ASP.NET Core and this server count by <see cref="System.Diagnostics.Metrics"/>, under OpenTelemetry's names,
/// in the text that Prometheus and OpenTelemetry's collector read.
/// </summary>
/// <remarks>
/// Without OpenTelemetry's packages: their exporter for Prometheus is a preview, and this much needs a listener and a page of text.
/// </remarks>
internal sealed class ServerMetrics : IDisposable
{
    private const string Own = "TorchAttention.Server";

    private static readonly string[] _meters =
        [Own, "TorchAttention.Cluster", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel"];

    private readonly Meter _meter = new(Own);
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<Instrument, Family> _families = new();
    private readonly Counter<long> _rows;

    public ServerMetrics()
    {
        _rows = _meter.CreateCounter<long>("torchattention.predicted_rows", "{row}", "Rows that were predicted");
        _meter.CreateObservableGauge("process.memory.usage", () => Environment.WorkingSet, "By", "Memory that the process holds");
        _meter.CreateObservableCounter("process.cpu.time", () => Environment.CpuUsage.TotalTime.TotalSeconds, "s", "Processor time");
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (_meters.Contains(instrument.Meter.Name))
            {
                listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(instrument, one => new Family(one)));
            }
        };
        _listener.SetMeasurementEventCallback<double>((_, value, tags, state) => ((Family)state!).Add(value, tags));
        _listener.SetMeasurementEventCallback<long>((_, value, tags, state) => ((Family)state!).Add(value, tags));
        _listener.Start();
    }

    /// <summary>Takes note of rows that a model predicted.</summary>
    public void Predicted(string model, long rows) => _rows.Add(rows, new KeyValuePair<string, object?>("model", model));

    public async Task WriteAsync(HttpContext context)
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (Family family in _families.Values.OrderBy(one => one.Name, StringComparer.Ordinal))
        {
            family.WriteTo(text);
        }

        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        await context.Response.WriteAsync(text.ToString());
    }

    public void Dispose()
    {
        _listener.Dispose();
        _meter.Dispose();
    }
}
