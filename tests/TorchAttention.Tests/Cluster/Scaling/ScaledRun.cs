namespace TorchAttention.Tests.Cluster.Scaling;

/// <summary>A scaled cluster at work, event by event: threads and wires that are busy are waited for.</summary>
internal sealed class ScaledRun
{
    // As many as a client has on the way.
    private const int BlocksOnTheWay = 8;
    private const double Latency = 1e-4;

    private readonly ScaledCluster _cluster;
    private readonly PriorityQueue<Action<double>, double> _events = new();
    private readonly PriorityQueue<int, double>[] _threads;
    private readonly double[] _wires;
    private int _left;
    private double _end;

    private ScaledRun(ScaledCluster cluster, int hosts, int blocks)
    {
        (_cluster, _left) = (cluster, blocks);
        _wires = new double[hosts];
        _threads = [.. Enumerable.Range(0, hosts).Select(_ => new PriorityQueue<int, double>(
            Enumerable.Range(0, ScaledCluster.Threads).Select(thread => (thread, 0.0))))];
    }

    /// <summary>Queries a second, with one client at each host.</summary>
    public static double QueriesOfSecond(ScaledCluster cluster, int hosts, int blocksOfHost)
    {
        int blocks = hosts * blocksOfHost;
        var run = new ScaledRun(cluster, hosts, blocks);
        for (int slot = 0; slot < hosts * BlocksOnTheWay; slot++)
        {
            run.Ask(slot % hosts, 0);
        }

        while (run._events.TryDequeue(out Action<double>? happen, out double time))
        {
            happen(time);
        }

        return (double)blocks * cluster.QueriesOfBlock / run._end;
    }

    private void Ask(int gate, double time)
    {
        if (_left-- <= 0)
        {
            return;
        }

        ScaledCluster.Question[] questions = _cluster.NextBlock();
        double seconds = _cluster.SecondsAtGate(questions) / 2;
        int open = questions.Length;
        Work(gate, time, seconds, routed =>
        {
            foreach (ScaledCluster.Question question in questions)
            {
                At(routed + Latency, came => Work(question.Host, came, question.Seconds, done =>
                    Send(question.Host, done, question.Queries, sent => Send(gate, sent, question.Queries, received =>
                    {
                        if (--open == 0)
                        {
                            Work(gate, received, seconds, merged =>
                            {
                                _end = merged;
                                Ask(gate, merged);
                            });
                        }
                    }))));
            }
        });
    }

    private void Work(int host, double time, double seconds, Action<double> then)
    {
        _threads[host].TryDequeue(out int thread, out double free);
        double end = Math.Max(time, free) + seconds;
        _threads[host].Enqueue(thread, end);
        At(end, then);
    }

    private void Send(int host, double time, double queries, Action<double> then)
    {
        _wires[host] = Math.Max(time, _wires[host]) + (queries * ScaledCluster.WireSeconds);
        At(_wires[host], then);
    }

    private void At(double time, Action<double> happen) => _events.Enqueue(happen, time);
}
