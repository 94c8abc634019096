using System.Net;
using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Access;

/// <summary>The accounts in the store, asked for at each login: nothing that was once true is believed later.</summary>
internal sealed partial class StoredUsers(IGrainFactory grains, TimeProvider clock, ILogger<StoredUsers> log) : IUsers
{
    /// <summary>Less than clients wait for an answer to their login; longer than it takes until the list is somewhere else when a silo is lost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(9);

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    // For users who are not there: whether they are is not to be told by the time.
    private static readonly string Nobody = PasswordHash.Create("nobody"u8);

    public async ValueTask<bool> AcceptsAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation)
    {
        var account = await FindAsync(user, cancellation).ConfigureAwait(false);
        var matches = PasswordHash.Matches(account?.PasswordHash ?? Nobody, password.Span);
        return account is not null && matches && (!account.IsForLoopback || IsLoopback(from));
    }

    private static bool IsLoopback(IPAddress? address) =>
        address is not null && IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);

    private async ValueTask<Account?> FindAsync(string user, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        while (true)
        {
            var left = Patience - clock.GetElapsedTime(began);
            try
            {
                await OwnThread.Leave();
                return await grains.Accounts().FindAsync(user).AsTask().WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock, cancellation).ConfigureAwait(false);
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested && clock.GetElapsedTime(began) + RetryAfter < Patience)
            {
                // Whatever the runtime throws says nothing about the user.
                LogAgain(exception);
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
            {
                throw new TimeoutException("The users are out of reach.", exception);
            }

            await Task.Delay(RetryAfter, clock, cancellation).ConfigureAwait(false);
        }
    }

    [LoggerMessage(1651, LogLevel.Debug, "The users did not answer; they are asked again")]
    private partial void LogAgain(Exception exception);
}
