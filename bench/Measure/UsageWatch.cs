namespace Granary.Bench.Measure;

/// <summary>Watches the broker's processes during a run, if it was told their root.</summary>
internal sealed class UsageWatch
{
    private readonly ProcessTree? _tree;
    private ProcessUsage _first;
    private TimeSpan _clientFirst;

    public UsageWatch(int brokerPid)
    {
        _tree = brokerPid > 0 ? new ProcessTree(brokerPid) : null;
        Begin();
    }

    public double? BrokerCpuSeconds { get; private set; }

    public long? ResidentBytes { get; private set; }

    public long? MaxResidentBytes { get; private set; }

    public double ClientCpuSeconds { get; private set; }

    public void Begin()
    {
        _first = _tree?.Read() ?? default;
        _clientFirst = Environment.CpuUsage.TotalTime;
    }

    public void Sample()
    {
        ClientCpuSeconds = (Environment.CpuUsage.TotalTime - _clientFirst).TotalSeconds;
        if (_tree?.Read() is { } usage)
        {
            BrokerCpuSeconds = usage.CpuSeconds - _first.CpuSeconds;
            ResidentBytes = usage.ResidentBytes;
            MaxResidentBytes = Math.Max(MaxResidentBytes ?? 0, usage.ResidentBytes);
        }
    }
}
