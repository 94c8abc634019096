using System.Threading.Channels;
using Granary.Core.Certificates;
using Granary.Silo.Hosting.Cluster.Certificates;
using Granary.Testing.Certificates;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Hosting.Cluster;

/// <summary>Certificates are read again when they are replaced, and kept when what replaces them is of no use.</summary>
public sealed class RenewedIdentityTests : IAsyncLifetime
{
    private const string Name = CertificateFiles.StandardName;
    private const int Used = 3401, Renewed = 3402, NotRenewed = 3403, Expires = 3404;

    private readonly string _folder = Directory.CreateTempSubdirectory("granary-certificates-").FullName;
    private readonly TestAuthority _authority = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly Events _events = new();
    private RenewedIdentity _identity = null!;

    public async Task InitializeAsync()
    {
        _authority.IssueTo(_folder, [Name]);
        _identity = new RenewedIdentity(Files(), _time, _events);
        await _identity.StartAsync(CancellationToken.None);
        Assert.Equal(Used, await _events.TakeAsync());
    }

    [Fact]
    public async Task Pair_Replaced_IsUsedFromThenOn()
    {
        var before = _identity.Current;

        _authority.IssueTo(_folder, [Name]);
        _time.Advance(RenewedFiles.Period);

        Assert.Equal(Renewed, await _events.TakeAsync());
        Assert.NotEqual(before.Certificate.TargetCertificate.Thumbprint, _identity.Current.Certificate.TargetCertificate.Thumbprint);
    }

    [Fact]
    public async Task Folder_BehindALinkReplaced_IsUsedFromThenOn()
    {
        // As Kubernetes does with what it mounts.
        foreach (var file in new[] { "silo.pem", "silo.key", "ca.pem" })
        {
            File.Delete(PathOf(file));
            File.CreateSymbolicLink(PathOf(file), Path.Combine("now", file));
        }

        _authority.IssueTo(PathOf("second"), [Name]);
        Directory.CreateSymbolicLink(PathOf("now"), "second");
        _time.Advance(RenewedFiles.Period);

        Assert.Equal(Renewed, await _events.TakeAsync());
    }

    [Fact]
    public async Task Pair_HalfReplaced_LeavesTheOldOneAndIsToldOnce()
    {
        var before = _identity.Current;
        var (certificate, key) = _authority.Issue([Name]);

        await File.WriteAllTextAsync(PathOf("silo.pem"), certificate);

        // It is no news at the first look. No faster than looks are made: the certificate's two days would be over.
        var told = _events.TakeAsync();
        while (!told.IsCompleted)
        {
            _time.Advance(RenewedFiles.Period);
            await Task.Delay(1);
        }

        Assert.Equal(NotRenewed, await told);
        Assert.Same(before, _identity.Current);
        _time.Advance(RenewedFiles.Period);

        // In one step: the look before may still be under way, and a key that is half written would be another thing to tell.
        var whole = PathOf("whole.key");
        await File.WriteAllTextAsync(whole, key);
        File.Move(whole, PathOf("silo.key"), overwrite: true);
        _time.Advance(RenewedFiles.Period);

        Assert.Equal(Renewed, await _events.TakeAsync());
        Assert.NotSame(before, _identity.Current);
    }

    [Fact]
    public async Task Certificate_InTheLastTenthOfItsLife_IsToldOfOnce()
    {
        // It is valid for two days. The clock is not put forward under a running identity: twenty hours of looks would be due at once, and go on while the files are replaced.
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow.AddHours(20));
        using var identity = new RenewedIdentity(Files(), time, _events);
        await identity.StartAsync(CancellationToken.None);
        Assert.Equal(Used, await _events.TakeAsync());
        Assert.Equal(Expires, await _events.TakeAsync());
        time.Advance(RenewedFiles.Period);

        Replace();
        time.Advance(RenewedFiles.Period);

        Assert.Equal(Renewed, await _events.TakeAsync());
    }

    private CertificateFiles Files() => new(PathOf("silo.pem"), PathOf("silo.key"), PathOf("ca.pem"), Name);

    /// <summary>Files that are there already take the place of the others, so quickly that no two looks see half of a pair.</summary>
    private void Replace()
    {
        var next = Path.Combine(_folder, "next");
        _authority.IssueTo(next, [Name]);
        foreach (var file in new[] { "silo.key", "silo.pem" })
        {
            File.Move(Path.Combine(next, file), PathOf(file), overwrite: true);
        }
    }

    public async Task DisposeAsync()
    {
        await _identity.StopAsync(CancellationToken.None);
        _identity.Dispose();
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string PathOf(string file) => Path.Combine(_folder, file);

    private sealed class Events : ILogger<RenewedIdentity>
    {
        private readonly Channel<int> _events = Channel.CreateUnbounded<int>();

        public async Task<int> TakeAsync()
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            return await _events.Reader.ReadAsync(limit.Token);
        }

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _events.Writer.TryWrite(eventId.Id);
    }
}
