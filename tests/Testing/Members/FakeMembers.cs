using System.Collections.Concurrent;
using Granary.Core.Members;

namespace Granary.Testing.Members;

/// <summary>The other members of a cluster, as a test has them.</summary>
public sealed class FakeMembers(string own) : IMembers
{
    private readonly ConcurrentDictionary<string, IMemberService> _living = new();
    private Action<string>? _toldOfCome;
    private Action<string>? _toldOfGone;

    public string Own => own;

    public void Add(string member, IMemberService service)
    {
        _living[member] = service;
        _toldOfCome?.Invoke(member);
    }

    public void Lose(string member)
    {
        _living.TryRemove(member, out _);
        _toldOfGone?.Invoke(member);
    }

    public IReadOnlyCollection<string> Others => [.. _living.Keys];

    public IMemberService? Find(string member) => _living.GetValueOrDefault(member);

    public void WhenCome(Action<string> tell) => _toldOfCome += tell;

    public void WhenGone(Action<string> tell) => _toldOfGone += tell;
}
