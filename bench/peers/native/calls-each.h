// EACH(M): M(0) … M(1023).
#define SITES 1024
#define D0(M, h) M(h##0) M(h##1) M(h##2) M(h##3) M(h##4) M(h##5) M(h##6) M(h##7) M(h##8) M(h##9)
#define D1(M, h) D0(M, h##0) D0(M, h##1) D0(M, h##2) D0(M, h##3) D0(M, h##4) \
                 D0(M, h##5) D0(M, h##6) D0(M, h##7) D0(M, h##8) D0(M, h##9)
#define T(M) D0(M, 1) D0(M, 2) D0(M, 3) D0(M, 4) D0(M, 5) D0(M, 6) D0(M, 7) D0(M, 8) D0(M, 9)
#define EACH(M)                                                                              \
  M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) T(M)                                     \
  D1(M, 1) D1(M, 2) D1(M, 3) D1(M, 4) D1(M, 5) D1(M, 6) D1(M, 7) D1(M, 8) D1(M, 9)           \
  D0(M, 100) D0(M, 101) M(1020) M(1021) M(1022) M(1023)
