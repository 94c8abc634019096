using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Granary.Cluster.Tests;

/// <summary>Sockets in a network namespace of this machine, for clients beside a member that is alone in there.</summary>
internal static partial class NetworkNamespace
{
    private const int OfTheNetwork = 0x40000000;

    /// <summary>A socket belongs where the thread is that makes it. So a thread goes there, makes one, and ends.</summary>
    /// <param name="name">As <c>ip netns</c> knows it.</param>
    public static Socket OpenSocket(string name, AddressFamily family)
    {
        Socket? socket = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var there = File.OpenHandle(Path.Combine("/run/netns", name));
                if (SetNamespace(there, OfTheNetwork) != 0)
                {
                    throw new Win32Exception(Marshal.GetLastPInvokeError());
                }

                socket = new Socket(family, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            }
            catch (Exception caught)
            {
                failure = caught;
            }
        });
        thread.Start();
        thread.Join();
        return socket ?? throw new InvalidOperationException($"No socket in the network namespace {name}.", failure);
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(SafeFileHandle of, int kind);
}
