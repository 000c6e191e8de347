using System.Text.Json;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <summary>Everything needed to repeat a run.</summary>
internal static class RunConfig
{
    public static void Write(Utf8JsonWriter json, TrainOptions options, DataSource source, torch.Device device, double bandwidth)
    {
        json.WriteString("command", "train");
        json.WriteString("data", source.IsFile ? Path.GetFullPath(options.Data) : source.Name);
        if (source.IsTable)
        {
            json.WriteString("x", source.XLabel);
            json.WriteString("y", source.YLabel);
            json.WriteNumber("rows", source.RowCount);
            json.WriteNumber("validation_fraction", options.ValidationFraction ?? DataSource.DefaultValidationFraction);
        }
        else
        {
            json.WriteNumber("n", options.N ?? DataSource.DefaultN);
            json.WriteNumber("noise_std", options.NoiseStd ?? DataSource.DefaultNoiseStd);
        }

        json.WriteNumber("bandwidth", bandwidth);
        json.WriteNumber("batch_size", options.BatchSize);
        json.WriteNumber("epochs", options.Epochs);
        json.WriteNumber("lr", options.Lr);
        json.WriteNumber("seed", options.Seed);
        json.WriteBoolean("leave_one_out", options.LeaveOneOut);
        json.WriteString("method", options.Method.ToString().ToLowerInvariant());
        json.WriteString("device", device.ToString());
        json.WriteNumber("threads", torch.get_num_threads());
        json.WriteString("version", InfoCommand.Version);
        json.WriteString("torchsharp", typeof(torch).Assembly.GetName().Version!.ToString(3));
        json.WriteString("libtorch", LibTorch.LoadedVersion ?? torch.__version__);
    }
}
