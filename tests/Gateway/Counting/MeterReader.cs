using System.Diagnostics.Metrics;

namespace Granary.Gateway.Tests.Counting;

/// <summary>Collects what the meters of one factory show, as an exporter would.</summary>
internal sealed class MeterReader : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly List<(string Name, string Tags, long Value)> _read = [];

    public MeterReader(IMeterFactory factory)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, factory))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var text = string.Join(' ', tags.ToArray().OrderBy(tag => tag.Key, StringComparer.Ordinal).Select(tag => $"{tag.Key}={tag.Value}"));
            _read.Add((instrument.Name, text, value));
        });
        _listener.Start();
    }

    /// <summary>Every series of an instrument, with its tags.</summary>
    public Dictionary<string, long> Read(string name)
    {
        _read.Clear();
        _listener.RecordObservableInstruments();
        return _read.Where(each => each.Name == name).ToDictionary(each => each.Tags, each => each.Value);
    }

    public void Dispose() => _listener.Dispose();
}
