using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace TorchAttention.Server.Metrics;

/// <summary>
/// Sends traces and metrics to a collector by OpenTelemetry's protocol (OTLP). Nothing of it is loaded where none is asked for.
/// </summary>
internal sealed class Telemetry : IDisposable
{
    private const string Service = "torchattention";

    private static readonly string[] _meters =
        ["TorchAttention.*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime", "Microsoft.Orleans"];

    private static readonly string[] _sources = ["Microsoft.AspNetCore", "Microsoft.Orleans.Application"];

    private readonly TracerProvider _traces;
    private readonly MeterProvider _metrics;

    /// <param name="collector">The collector's address, to which <c>/v1/traces</c> and <c>/v1/metrics</c> are added; null to have all from
    /// OpenTelemetry's own variables.</param>
    public Telemetry(Uri? collector)
    {
        ResourceBuilder resource = ResourceBuilder.CreateDefault().AddService(
            Service, serviceVersion: ProgramVersion.Text, autoGenerateServiceInstanceId: true).AddEnvironmentVariableDetector();
        _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(_sources)
            .AddOtlpExporter(options => Send(options, collector, "v1/traces")).Build();
        _metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(_meters)
            .AddOtlpExporter(options => Send(options, collector, "v1/metrics")).Build();
    }

    /// <summary>Sends what is left.</summary>
    public void Dispose()
    {
        _traces.Dispose();
        _metrics.Dispose();
    }

    private static void Send(OtlpExporterOptions options, Uri? collector, string path)
    {
        if (collector is not null)
        {
            options.Protocol = OtlpExportProtocol.HttpProtobuf;
            options.Endpoint = new Uri(new Uri(collector.AbsoluteUri.TrimEnd('/') + "/"), path);
        }
    }
}
